#include "tests/support/broker_suite.h"

#include <stdlib.h>

#include <map>

namespace penstock::test {
namespace {

struct SharedBroker {
  TempDir dir;
  BrokerProcess process;
};

// Ends the shared brokers behind the last test.
class SharedBrokers : public testing::Environment {
 public:
  BrokerProcess& with_shards(int shards) {
    std::unique_ptr<SharedBroker>& shared = brokers_[shards];
    if (!shared) {
      shared = std::make_unique<SharedBroker>();
      shared->process.start({.data_dir = shared->dir / "data", .shards = shards});
    } else if (!shared->process.alive()) {
      ADD_FAILURE() << "the broker with " << shards << " shards died:\n" << shared->process.stderr_text();
      shared->process.restart();
    }
    return shared->process;
  }

  void TearDown() override {
    for (auto& [shards, shared] : brokers_) {
      if (!shared->process.running()) continue;
      EXPECT_EQ(shared->process.stop(), 0);
      expect_log_verifies(shared->process.flags().data_dir);
    }
    brokers_.clear();
  }

 private:
  std::map<int, std::unique_ptr<SharedBroker>> brokers_;
};

// Owned by gtest.
SharedBrokers* const shared_brokers = [] {
  auto* brokers = new SharedBrokers;
  testing::AddGlobalTestEnvironment(brokers);
  return brokers;
}();

}  // namespace

BrokerSuiteBase::BrokerSuiteBase() {
  static int tests = 0;
  unique_ = "n" + std::to_string(++tests) + "x";
}

BrokerProcess& BrokerSuiteBase::broker() {
  return shared_brokers->with_shards(shards());
}

BrokerProcess& BrokerSuiteBase::own_broker(std::vector<std::string> more_flags) {
  if (!own_) {
    own_dir_ = std::make_unique<TempDir>();
    own_ = std::make_unique<BrokerProcess>();
    own_->start({.data_dir = *own_dir_ / "data", .shards = shards(), .more = std::move(more_flags)});
  }
  return *own_;
}

void BrokerSuiteBase::TearDown() {
  if (!own_) return;
  if (own_->running()) {
    EXPECT_EQ(own_->stop(), 0);
  }
  expect_log_verifies(own_->flags().data_dir);
}

Endpoint BrokerSuiteBase::endpoint() {
  return {own_ ? own_->port() : broker().port(), transport_under_test()};
}

TestClient BrokerSuiteBase::client(const ConnectOptions& options, Where where) {
  ConnectOptions exact = options;
  if (!exact.protocol_level) exact.protocol_level = level();
  return TestClient(endpoint(), exact, where);
}

TestClient BrokerSuiteBase::client(std::string_view name, Where where) {
  return client({.client_id = id(name)}, where);
}

TestClient BrokerSuiteBase::persistent(std::string_view name, Where where) {
  return client({.client_id = id(name), .clean_session = false}, where);
}

TestClient BrokerSuiteBase::silent(Where where) {
  TestClient client(endpoint(), 0, where);
  client.speak(level());
  return client;
}

void BrokerSuiteBase::forget(std::string_view name, Where where) {
  client(name, where).disconnect(where);
}

void BrokerSuiteBase::let_pass(std::chrono::seconds time, Where where) {
  const auto keepalive_s = static_cast<uint16_t>((time.count() * 2 + 2) / 3);
  client({.client_id = id("clock"), .keepalive_s = keepalive_s}, where).expect_closed(where);
}

std::string BrokerSuiteBase::connect_packet(ConnectOptions options) const {
  if (!options.protocol_level) options.protocol_level = level();
  return test::connect_packet(options);
}

std::string BrokerSuiteBase::publish_packet(std::string_view topic, std::string_view payload,
                                            const PublishOptions& options) const {
  return test::publish_packet(topic, payload, options, level());
}

std::string BrokerSuiteBase::subscribe_packet(uint16_t packet_id, const FilterList& filters,
                                              const Properties& properties) const {
  return test::subscribe_packet(packet_id, filters, properties, level());
}

std::string BrokerSuiteBase::unsubscribe_packet(uint16_t packet_id, const std::vector<std::string>& filters) const {
  return test::unsubscribe_packet(packet_id, filters, {}, level());
}

std::vector<Setting> settings_of(const std::vector<uint8_t>& levels) {
  std::vector<Setting> settings;
  for (const uint8_t level : levels) {
    for (const int shards : {1, 2, 8}) settings.push_back({.shards = shards, .level = level});
  }
  return settings;
}

std::string name_of(const Setting& setting) {
  return "shards_" + std::to_string(setting.shards) + (setting.level == kLevel5 ? "_v5" : "");
}

}  // namespace penstock::test
