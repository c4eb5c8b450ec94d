// ClientSuite: the base of suites that start other people's clients against one broker of two shards, which listens in
// each way that it can. After the test the broker must end cleanly and leave a log that verifies.
#pragma once

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "tests/support/broker_process.h"
#include "tests/support/temp_dir.h"

namespace penstock::test {

class ClientSuite : public testing::Test {
 protected:
  // Web pages from elsewhere than `origin` may not connect, where one is given.
  explicit ClientSuite(const std::string& origin = "");
  void TearDown() override;

  // "wss://127.0.0.1:PORT/mqtt"
  std::string url(const std::string& scheme) const;
  std::string port_of(const std::string& scheme) const { return std::to_string(broker_.port_of(scheme)); }
  // Files of PEM. The authority has signed the broker's certificate and the client's.
  std::string authority() const { return dir_ / "ca.pem"; }
  std::string server_certificate() const { return dir_ / "server.pem"; }
  std::string client_certificate() const { return dir_ / "client.pem"; }
  std::string client_key() const { return dir_ / "client.key"; }

  // Has time even where the machine is slow, and its disk.
  static Finished run(const std::vector<std::string>& command);
  static void expect_success(const std::vector<std::string>& command);

  TempDir dir_;
  BrokerProcess broker_;
};

// A program of the same build.
std::string beside_this_program(const std::string& name);

// How a client talks to the broker.
struct Way {
  std::string scheme;
  std::string version;  // "3.1", "3.1.1", "5"
};
// "mqtts_v311", as the name of a test can have it.
std::ostream& operator<<(std::ostream& out, const Way& way);

}  // namespace penstock::test
