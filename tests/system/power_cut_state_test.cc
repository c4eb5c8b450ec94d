// What acknowledgements other than those of messages promise, over a power cut right behind each of them: sessions,
// subscriptions, wills, retained messages. Needs root and xfsprogs.
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "tests/support/broker_process.h"
#include "tests/support/broker_suite.h"
#include "tests/support/power_cut_disk.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_client.h"

namespace penstock::test {
namespace {

class AfterPowerCut : public testing::TestWithParam<int> {
 protected:
  AfterPowerCut() : disk_(dir_ / "power") {}
  void SetUp() override {
    if (runs_mosquitto()) GTEST_SKIP() << "about Penstock's log";
    if (!disk_.ready()) GTEST_SKIP() << disk_.reason();
    ASSERT_TRUE(
        broker_.start({.data_dir = disk_.path(), .shards = GetParam(), .more = {"--segment-bytes", "1048576"}}));
  }
  void TearDown() override {
    if (!broker_.running()) return;
    EXPECT_EQ(broker_.stop(), 0);
    expect_log_verifies(disk_.path());
  }

  TestClient persistent(const std::string& name) {
    return TestClient(broker_.port(), ConnectOptions{.client_id = name, .clean_session = false});
  }
  TestClient clean(const std::string& name) { return TestClient(broker_.port(), ConnectOptions{.client_id = name}); }
  bool session_is_present(const std::string& name) {
    return TestClient(broker_.port()).connect({.client_id = name, .clean_session = false}).session_present;
  }
  void cut() {
    disk_.cut();
    broker_.kill9();
    ASSERT_TRUE(disk_.power_on());
    expect_log_verifies(disk_.path());
    ASSERT_TRUE(broker_.restart());
  }

  TempDir dir_;
  PowerCutDisk disk_;
  BrokerProcess broker_;
};

TEST_P(AfterPowerCut, a_new_session_is_kept) {
  TestClient fresh = persistent("fresh");
  cut();
  EXPECT_TRUE(session_is_present("fresh"));
}

TEST_P(AfterPowerCut, subscriptions_are_kept_and_ended_ones_stay_away) {
  TestClient subscriber = persistent("s");
  subscriber.subscribe({{"a", 2}, {"b", 1}});
  cut();
  for (const char* topic : {"a", "b"}) {
    clean("p").publish(topic, "1", 1);
    persistent("s").expect_message(topic, "1");
  }
  subscriber = persistent("s");
  subscriber.unsubscribe("b");
  cut();
  clean("p").publish("b", "2", 1);
  clean("p").publish("a", "2", 1);
  // What it acknowledged in the moment before the cut may come again; the one that it must not get would come first.
  subscriber = persistent("s");
  for (Packet packet = subscriber.take_message(); packet.topic != "a" || packet.payload != "2";) {
    EXPECT_EQ(packet.payload, "1") << packet;
    if (subscriber.broken()) break;
    packet = subscriber.take_message();
  }
}

TEST_P(AfterPowerCut, the_will_of_one_who_was_connected_is_published) {
  persistent("watcher").subscribe("will", 1);
  TestClient mortal(broker_.port(), {.client_id = "m", .will = Will{"will", "last words", 1, false}});
  cut();
  persistent("watcher").expect_message("will", "last words");
}

TEST_P(AfterPowerCut, retained_messages_are_kept_and_removed_ones_stay_away) {
  clean("p").publish("r/1", "kept", 1, true);
  cut();
  TestClient reader = clean("r");
  reader.subscribe("r/#", 1);
  reader.expect_message("r/1", "kept");
  clean("p").publish("r/1", "", 2, true);
  cut();
  reader = clean("r");
  reader.subscribe("r/#", 1);
  clean("p").publish("r/2", "fence", 1);
  reader.expect_message("r/2", "fence");
}

INSTANTIATE_TEST_SUITE_P(, AfterPowerCut, testing::Values(1, 2, 8), shards_name);

}  // namespace
}  // namespace penstock::test
