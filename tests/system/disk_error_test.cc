// A disk that answers EIO (tests/support/faulty_disk.h), once where the log is written with O_DIRECT, once where the
// file system refuses that and each write is followed by fdatasync: the log that it hits says so in one line and
// acknowledges nothing more; connections, reads and other logs live; after a restart on the mended disk nothing
// acknowledged is gone.
//
// PENSTOCK_SEED repeats a run's choices. Needs root and libfuse3.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>

#include "tests/support/broker_suite.h"
#include "tests/support/environment.h"
#include "tests/support/faulty_disk.h"
#include "tests/system/acknowledgement_probe.h"
#include "tests/system/client_crowd.h"

namespace penstock::test {
namespace {

constexpr int kRoundTrips = 20;

struct Fault {
  const char* name;
  bool refuses_direct;
  const char* what;
};
constexpr Fault kFaults[] = {{"direct_write", false, "w"},
                             {"direct_sync", false, "s"},
                             {"buffered_write", true, "w"},
                             {"buffered_sync", true, "s"}};

size_t count_of(const std::string& text, const std::string& wanted) {
  size_t count = 0;
  for (size_t at = text.find(wanted); at != std::string::npos; at = text.find(wanted, at + 1)) ++count;
  return count;
}

class DiskError : public testing::TestWithParam<Fault> {
 protected:
  DiskError() : disk_(dir_ / "faulty", GetParam().refuses_direct) {}
  void SetUp() override {
    if (runs_mosquitto()) GTEST_SKIP() << "about Penstock's log";
    if (!disk_.ready()) GTEST_SKIP() << disk_.reason();
  }

  // The root of the mount is the data directory: what the broker says lies beside it, on the good disk.
  bool start(int shards) {
    return broker_.start({.data_dir = disk_.path(), .shards = shards, .more = {"--segment-bytes", "1048576"}});
  }
  TestClient persistent(const std::string& name) {
    return TestClient(broker_.port(), ConnectOptions{.client_id = name, .clean_session = false});
  }
  TestClient clean(const std::string& name) { return TestClient(broker_.port(), ConnectOptions{.client_id = name}); }

  TempDir dir_;
  FaultyDisk disk_;
  BrokerProcess broker_;
};

std::string numbered(uint16_t number, bool dup) {
  const auto qos = static_cast<uint8_t>(1 + number % 2);
  return publish_packet("x", std::to_string(number), {.qos = qos, .dup = dup, .packet_id = number});
}

TEST_P(DiskError, stops_the_log_in_one_line_serves_the_rest_and_keeps_what_it_acknowledged) {
  constexpr uint16_t kAcknowledged = 20;
  ASSERT_TRUE(start(1));
  TestClient subscriber = persistent("s");
  subscriber.subscribe("x", 2);
  persistent("offline").subscribe("x", 2);
  TestClient publisher = persistent("p");
  publisher.publish("r", "retained", 1, true);
  for (uint16_t i = 1; i <= kAcknowledged; ++i) EXPECT_TRUE(is_acknowledged(publisher, numbered(i, false), 1000));

  disk_.fail(GetParam().what);
  for (uint16_t i = kAcknowledged + 1; i <= kAcknowledged + 4; ++i) {
    EXPECT_FALSE(is_acknowledged(publisher, numbered(i, false), kRoundTrips)) << i;
  }
  EXPECT_EQ(count_of(broker_.stderr_text(), "log 1 stops: "), 1u) << broker_.stderr_text();
  // What it has is still read, by those who were there and by those who come.
  for (int found = 0; found < kAcknowledged && !subscriber.broken(); ++found) {
    EXPECT_EQ(subscriber.next().type, Type::kPublish);
  }
  TestClient reader = clean("reader");
  reader.subscribe("r", 0);
  EXPECT_EQ(reader.take_message().payload, "retained");
  reader.expect_quiet();
  // A session that could not be kept is refused.
  EXPECT_EQ(TestClient(broker_.port()).connect({.client_id = "new", .clean_session = false}).return_code, 3);

  // It never tries again and hopes.
  disk_.heal();
  EXPECT_FALSE(is_acknowledged(publisher, numbered(kAcknowledged + 5, false), kRoundTrips));
  publisher.expect_quiet();
  EXPECT_EQ(count_of(broker_.stderr_text(), "log 1 stops: "), 1u);

  broker_.kill9();
  expect_log_verifies(disk_.path());
  ASSERT_TRUE(broker_.restart());
  publisher = persistent("p");
  for (uint16_t i = kAcknowledged + 1; i <= kAcknowledged + 5; ++i) {
    EXPECT_TRUE(is_acknowledged(publisher, numbered(i, true), 1000)) << i;
  }
  // Refused ones may have been kept before they were repeated; all are there, in their order, QoS 2 once.
  subscriber = persistent("offline");
  int next[2] = {2, 1};
  while (!subscriber.broken() && (next[0] <= kAcknowledged + 5 || next[1] <= kAcknowledged + 5)) {
    const int number = std::stoi(subscriber.take_message().payload);
    int& wanted = next[number % 2];
    if (number % 2 == 0 && number < wanted) continue;
    EXPECT_EQ(number, wanted);
    wanted = number + 2;
  }
  EXPECT_EQ(broker_.stop(), 0);
  expect_log_verifies(disk_.path());
}

TEST_P(DiskError, of_one_log_leaves_the_others_alone) {
  constexpr int kPublishers = 32;
  ASSERT_TRUE(start(8));
  TestClient subscriber = persistent("s");
  subscriber.subscribe("x", 1);
  disk_.fail(GetParam().what, "/log-3/");
  // A publisher's messages go to the log of its home shard.
  std::vector<TestClient> publishers;
  int acknowledged = 0;
  for (int i = 0; i < kPublishers; ++i) {
    publishers.push_back(clean("p" + std::to_string(i)));
    acknowledged +=
        is_acknowledged(publishers.back(), publish_packet("x", "m", {.qos = 1, .packet_id = 1}), kRoundTrips);
  }
  EXPECT_GT(acknowledged, kPublishers / 2);
  EXPECT_LT(acknowledged, kPublishers);
  for (TestClient& publisher : publishers) publisher.expect_quiet();
  EXPECT_EQ(count_of(broker_.stderr_text(), "log 3 stops: "), 1u) << broker_.stderr_text();
  EXPECT_EQ(count_of(broker_.stderr_text(), " stops: "), 1u) << broker_.stderr_text();
  for (int i = 0; i < acknowledged; ++i) subscriber.take_message();
  disk_.heal();
  ASSERT_TRUE(broker_.restart());
  for (int i = 0; i < kPublishers; ++i) clean("p" + std::to_string(i)).publish("x", "m", 1);
  EXPECT_EQ(broker_.stop(), 0);
  expect_log_verifies(disk_.path());
}

// A backlog is on the disk, its index too, and the disk does not give them for a moment: nobody else notices, and it
// comes when the disk does.
TEST_P(DiskError, of_reads_delays_a_backlog_and_loses_nothing_of_it) {
  constexpr int kMessages = 6000;
  constexpr uint16_t kBatch = 500;
  ASSERT_TRUE(start(1));
  persistent("s").subscribe("x", 1);
  TestClient publisher = clean("p");
  for (int sent = 0; sent < kMessages;) {
    std::string bytes;
    for (uint16_t id = 1; id <= kBatch; ++id) {
      bytes += publish_packet("x", std::to_string(sent++) + std::string(100, '.'), {.qos = 1, .packet_id = id});
    }
    publisher.send(bytes);
    for (uint16_t id = 1; id <= kBatch; ++id) publisher.expect(Type::kPuback, id);
  }
  EXPECT_EQ(broker_.stop(), 0);  // with a checkpoint: the queue's pages are in their file
  ASSERT_TRUE(broker_.restart());
  disk_.fail("r");
  TestClient subscriber = persistent("s");
  TestClient other = clean("o");
  other.subscribe("y", 1);
  for (int i = 0; i < 50; ++i) {
    other.publish("y", "m", 1);
    other.expect_message("y", "m");
  }
  disk_.heal();
  for (int i = 0; i < kMessages && !subscriber.broken(); ++i) {
    EXPECT_EQ(std::stoi(subscriber.take_message().payload), i);
  }
  EXPECT_NE(broker_.stderr_text().find("cannot be read: Input/output error"), std::string::npos);
  EXPECT_EQ(broker_.stop(), 0);
}

INSTANTIATE_TEST_SUITE_P(, DiskError, testing::ValuesIn(kFaults),
                         [](const auto& parameter) { return std::string(parameter.param.name); });

// A disk that is slow is no error, and no fault of clients whose CONNECT waits for it: they are not sent away.
TEST(SlowDisk, lets_those_wait_who_connect_while_the_log_has_no_room) {
  if (runs_mosquitto()) GTEST_SKIP() << "about Penstock's log";
  TempDir dir;
  FaultyDisk disk(dir / "faulty", false);
  if (!disk.ready()) GTEST_SKIP() << disk.reason();
  BrokerProcess broker({.data_dir = disk.path(),
                        .shards = 1,
                        .more = {"--segment-bytes", "4194304", "--tail-bytes", "2097152", "--connect-timeout", "1s"}});
  ASSERT_TRUE(broker.running());
  TestClient publisher(broker.port(), ConnectOptions{.client_id = "p"});
  disk.fail("h");
  // More than the tail holds: reading stops. The rest stays in sockets.
  std::string bytes;
  constexpr uint16_t kMessages = 40;
  for (uint16_t i = 1; i <= kMessages; ++i) {
    bytes += publish_packet("x", std::string(50'000, 'x'), {.qos = 1, .packet_id = i});
  }
  publisher.send(bytes);
  TestClient waiting(broker.port());
  waiting.send(connect_packet({.client_id = "waiting", .clean_session = false}));
  // Those who came later and say nothing are closed, so the time of the other is over as well; twice.
  for (int i = 0; i < 2; ++i) TestClient(broker.port()).expect_closed();
  disk.heal();
  waiting.expect(Type::kConnack);
  for (uint16_t i = 1; i <= kMessages; ++i) publisher.expect(Type::kPuback, i);
  EXPECT_EQ(broker.stop(), 0);
}

// The disk fails under load, at a random moment; the broker lives on for a while, then it is restarted on a good disk.
class DiskErrorUnderLoad : public testing::TestWithParam<int> {};

TEST_P(DiskErrorUnderLoad, loses_nothing_acknowledged_and_doubles_no_qos_2_message) {
  if (runs_mosquitto()) GTEST_SKIP() << "about Penstock's log";
  const uint64_t seed = number_from_environment("PENSTOCK_SEED", std::random_device()());
  SCOPED_TRACE("PENSTOCK_SEED=" + std::to_string(seed));
  core::SeededRandom random(seed);
  for (const bool refuses_direct : {false, true}) {
    TempDir dir;
    FaultyDisk disk(dir / "faulty", refuses_direct);
    if (!disk.ready()) GTEST_SKIP() << disk.reason();
    BrokerProcess broker({.data_dir = disk.path(), .shards = GetParam(), .more = {"--segment-bytes", "1048576"}});
    ClientCrowd crowd(kMixedLoad, random);
    crowd.subscribe_all(broker);
    for (int round = 0; round < 6 && !HasFailure(); ++round) {
      SCOPED_TRACE("round " + std::to_string(round));
      crowd.allow(1500);
      crowd.run_for_ms(static_cast<int64_t>(20 + random.below(200)));
      disk.fail(random.chance(1, 2) ? "w" : random.chance(1, 2) ? "s" : "ws");
      crowd.run_for_ms(static_cast<int64_t>(random.below(200)));
      if (random.chance(1, 2)) {
        broker.terminate();  // what it cannot write it need not; it ends all the same
        EXPECT_TRUE(broker.wait_exit().has_value());
      }
      broker.kill9();
      crowd.lose_all();
      disk.heal();
      ASSERT_TRUE(broker.restart());
      crowd.connect_all_but_offline(broker);
    }
    crowd.drain(broker, 1);
    std::cout << "seed " << seed << ", " << crowd.published_text() << "messages\n";
    crowd.lose_all();
    EXPECT_EQ(broker.stop(), 0);
    expect_log_verifies(disk.path());
  }
}

INSTANTIATE_TEST_SUITE_P(, DiskErrorUnderLoad, testing::Values(1, 2, 8), shards_name);

}  // namespace
}  // namespace penstock::test
