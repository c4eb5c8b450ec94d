#include "tests/interop/client_suite.h"

#include <chrono>
#include <filesystem>
#include <string>

#include "tests/support/certificate_maker.h"

namespace penstock::test {

ClientSuite::ClientSuite(const std::string& origin) {
  const TestAuthority ca("interop");
  const TestCertificate server =
      ca.issue({.common_name = "broker", .alternative_names = {"IP:127.0.0.1", "DNS:localhost"}});
  const TestCertificate client = ca.issue({.common_name = "client", .usage = TestUsage::kClient});
  write_text(authority(), ca.pem());
  write_text(server_certificate(), server.certificate_pem());
  write_text(dir_ / "server.key", server.key_pem());
  write_text(client_certificate(), client.certificate_pem());
  write_text(client_key(), client.key_pem());
  const std::string tls = "cert=" + server_certificate() + "&key=" + dir_ / "server.key";
  const std::string pages = origin.empty() ? "" : "origin=" + origin;
  broker_.start({.data_dir = dir_ / "data",
                 .shards = 2,
                 .more = {"--listen", "mqtts://127.0.0.1:0?" + tls + "&verify=optional&ca=" + authority(),  //
                          "--listen", "ws://127.0.0.1:0" + (pages.empty() ? "" : "?" + pages),              //
                          "--listen", "wss://127.0.0.1:0?" + tls + (pages.empty() ? "" : "&" + pages)}});
}

void ClientSuite::TearDown() {
  EXPECT_EQ(broker_.stop(), 0);
  expect_log_verifies(dir_ / "data");
}

std::string ClientSuite::url(const std::string& scheme) const {
  return scheme + "://127.0.0.1:" + port_of(scheme) + (scheme.starts_with("ws") ? "/mqtt" : "");
}

Finished ClientSuite::run(const std::vector<std::string>& command) {
  return run_program(command, {}, std::chrono::seconds(200));
}

void ClientSuite::expect_success(const std::vector<std::string>& command) {
  const Finished finished = run(command);
  EXPECT_EQ(finished.exit_code, 0) << testing::PrintToString(command) << '\n' << finished.out << finished.err;
}

std::string beside_this_program(const std::string& name) {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / name;
}

std::ostream& operator<<(std::ostream& out, const Way& way) {
  std::string name = way.scheme + "_v" + way.version;
  std::erase(name, '.');
  return out << name;
}

}  // namespace penstock::test
