#include "tests/support/broker_suite.h"

#include <unistd.h>

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

TestClient BrokerSuiteBase::client(const ConnectOptions& options, Where where) {
  return TestClient(own_ ? own_->port() : broker().port(), options, where);
}

TestClient BrokerSuiteBase::client(std::string_view name, Where where) {
  return client({.client_id = id(name)}, where);
}

TestClient BrokerSuiteBase::persistent(std::string_view name, Where where) {
  return client({.client_id = id(name), .clean_session = false}, where);
}

TestClient BrokerSuiteBase::silent(Where where) {
  return TestClient(own_ ? own_->port() : broker().port(), 0, where);
}

void BrokerSuiteBase::forget(std::string_view name, Where where) {
  client(name, where).disconnect(where);
}

}  // namespace penstock::test
