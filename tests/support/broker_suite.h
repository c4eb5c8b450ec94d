// BrokerSuite: the base of suites that talk to one broker per shard count, started at the first test that needs it and
// shared by all that follow; a test that has to stop or restart a broker uses own_broker(). After the last test every
// shared broker must end cleanly and leave a log that verifies.
//
// Topics and client ids of a test are its own (topic("x"), id("x")), so tests do not meet in the shared broker.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/broker_process.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_client.h"

namespace penstock::test {

class BrokerSuiteBase : public testing::Test {
 protected:
  BrokerSuiteBase();
  virtual int shards() const = 0;

  BrokerProcess& broker();
  // A broker for this test alone, in a fresh directory, with this test's number of shards.
  BrokerProcess& own_broker(std::vector<std::string> more_flags = {});
  void TearDown() override;

  std::string topic(std::string_view name) const { return "t/" + unique_ + "/" + std::string(name); }
  // At most 23 characters for names up to 10. [MQTT-3.1.3-5]
  std::string id(std::string_view name) const { return unique_ + std::string(name); }

  // A connected client of the shared broker with a clean session.
  TestClient client(std::string_view name, Where where = Where::current());
  TestClient client(const ConnectOptions& options, Where where = Where::current());
  TestClient persistent(std::string_view name, Where where = Where::current());
  // An open TCP connection that has said nothing yet.
  TestClient silent(Where where = Where::current());
  // Ends whatever session the name had.
  void forget(std::string_view name, Where where = Where::current());

 private:
  std::string unique_;
  std::unique_ptr<TempDir> own_dir_;
  std::unique_ptr<BrokerProcess> own_;
};

class BrokerSuite : public BrokerSuiteBase, public testing::WithParamInterface<int> {
 protected:
  int shards() const override { return GetParam(); }
};

inline std::string shards_name(const testing::TestParamInfo<int>& parameter) {
  return "shards_" + std::to_string(parameter.param);
}

}  // namespace penstock::test

// Declares a suite whose every test runs with 1, 2 and 8 shards.
#define BROKER_SUITE(name)                              \
  class name : public ::penstock::test::BrokerSuite {}; \
  INSTANTIATE_TEST_SUITE_P(, name, ::testing::Values(1, 2, 8), ::penstock::test::shards_name)
