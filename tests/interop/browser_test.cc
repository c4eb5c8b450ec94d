// MQTT.js in a web page, in Chromium. Its TLS, its WebSocket and what it makes of origins are its own.
#include <unistd.h>

#include "tests/interop/client_suite.h"

namespace penstock::test {
namespace {

class Browser : public ClientSuite {
 protected:
  Browser() : ClientSuite("http://page.example") {}

  void SetUp() override {
    for (const char* needed :
         {"/usr/bin/chromium", "/usr/bin/esbuild", "/usr/share/nodejs/mqtt", "/usr/share/nodejs/process",
          "/usr/share/nodejs/buffer", "/usr/share/nodejs/url", "/usr/share/nodejs/events"}) {
      if (access(needed, R_OK) != 0) GTEST_SKIP() << needed << " is not installed";
    }
  }

  // What mqttjs_page.js shall do on a page of this origin.
  Finished page(const std::string& what, const std::string& origin) const {
    return run({"/usr/bin/env", "node", PENSTOCK_INTEROP_DIR "/mqttjs_browser.js", what, origin, server_certificate(),
                dir_.path(), url("ws"), url("wss")});
  }
};

TEST_F(Browser, makes_its_rounds_over_ws_and_wss_in_every_version) {
  const Finished finished = page("roundtrips", "http://page.example");
  EXPECT_EQ(finished.exit_code, 0) << finished.out << finished.err;
}

TEST_F(Browser, page_of_another_origin_is_refused) {
  const Finished finished = page("refusals", "http://elsewhere.example");
  EXPECT_EQ(finished.exit_code, 0) << finished.out << finished.err;
  EXPECT_NE(broker_.stderr_text().find("ws_bad_origin"), std::string::npos) << broker_.stderr_text();
}

}  // namespace
}  // namespace penstock::test
