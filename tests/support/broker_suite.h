// BrokerSuite: the base of suites that talk to one broker per shard count, started at the first test that needs it and
// shared by all that follow; a test that has to stop or restart a broker uses own_broker(). After the last test every
// shared broker must end cleanly and leave a log that verifies.
//
// Each test runs in several settings: with 1, 2 and 8 shards, and where its suite is for more than one version of MQTT,
// with clients of each. PENSTOCK_TEST_TRANSPORT=ws and the like runs all of them over another transport than TCP.
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

// What a test runs with.
struct Setting {
  int shards = 1;
  uint8_t level = kLevel311;  // what its clients speak where it does not say otherwise
};

class BrokerSuiteBase : public testing::Test {
 protected:
  BrokerSuiteBase();
  virtual int shards() const = 0;
  virtual uint8_t level() const { return kLevel311; }

  BrokerProcess& broker();
  // A broker for this test alone, in a fresh directory, with this test's number of shards.
  BrokerProcess& own_broker(std::vector<std::string> more_flags = {});
  void TearDown() override;
  // Of own_broker() where there is one, else of the shared broker.
  Endpoint endpoint();

  std::string topic(std::string_view name) const { return "t/" + unique_ + "/" + std::string(name); }
  // At most 23 characters for names up to 10. [MQTT-3.1.3-5]
  std::string id(std::string_view name) const { return unique_ + std::string(name); }

  // A connected client with a clean session, of the version under test where the options do not say another.
  TestClient client(std::string_view name, Where where = Where::current());
  TestClient client(const ConnectOptions& options, Where where = Where::current());
  TestClient persistent(std::string_view name, Where where = Where::current());
  // An open connection that has said nothing yet.
  TestClient silent(Where where = Where::current());
  // Ends whatever session the name had.
  void forget(std::string_view name, Where where = Where::current());

  // Returns when the broker has closed a client that was silent for 1.5 times its keepalive, which takes at least this
  // long by the broker's clock. For what happens after a time that cannot be shorter than a second.
  void let_pass(std::chrono::seconds time, Where where = Where::current());

  // Bytes in the version under test: these hide the functions of wire.h of the same names.
  std::string connect_packet(ConnectOptions options) const;
  std::string publish_packet(std::string_view topic, std::string_view payload,
                             const PublishOptions& options = {}) const;
  std::string subscribe_packet(uint16_t packet_id, const FilterList& filters, const Properties& properties = {}) const;
  std::string unsubscribe_packet(uint16_t packet_id, const std::vector<std::string>& filters) const;

 private:
  std::string unique_;
  std::unique_ptr<TempDir> own_dir_;
  std::unique_ptr<BrokerProcess> own_;
};

class BrokerSuite : public BrokerSuiteBase, public testing::WithParamInterface<Setting> {
 protected:
  int shards() const override { return GetParam().shards; }
  uint8_t level() const override { return GetParam().level; }
};

// 1, 2 and 8 shards with each of these versions.
std::vector<Setting> settings_of(const std::vector<uint8_t>& levels);

// "shards_2"; with clients of 5.0 "shards_2_v5".
std::string name_of(const Setting& setting);
inline std::ostream& operator<<(std::ostream& out, const Setting& setting) {
  return out << name_of(setting);
}
inline std::string setting_name(const testing::TestParamInfo<Setting>& parameter) {
  return name_of(parameter.param);
}
inline std::string shards_name(const testing::TestParamInfo<int>& parameter) {
  return name_of(Setting{.shards = parameter.param});
}

}  // namespace penstock::test

// A suite on top of a fixture of its own.
#define BROKER_SUITE_ON(base, name, ...)                                                              \
  class name : public base {};                                                                        \
  INSTANTIATE_TEST_SUITE_P(, name, ::testing::ValuesIn(::penstock::test::settings_of({__VA_ARGS__})), \
                           ::penstock::test::setting_name)

// Declares a suite whose every test runs with 1, 2 and 8 shards: with clients of 3.1.1, of 5.0, of both one after the
// other for what is the same in both.
#define BROKER_SUITE(name) BROKER_SUITE_ON(::penstock::test::BrokerSuite, name, ::penstock::test::kLevel311)
#define BROKER_SUITE_V5(name) BROKER_SUITE_ON(::penstock::test::BrokerSuite, name, ::penstock::test::kLevel5)
#define BROKER_SUITE_OF_ALL_VERSIONS(name) \
  BROKER_SUITE_ON(::penstock::test::BrokerSuite, name, ::penstock::test::kLevel311, ::penstock::test::kLevel5)
