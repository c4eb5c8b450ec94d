// What one client may make its shard keep: filters by number, bytes and levels, and records of retained messages.
#include <gtest/gtest.h>

#include "tests/broker/served_shard.h"

namespace penstock::broker {
namespace {

using test::Type;

constexpr size_t kMiB = 1 << 20;

std::string levels(size_t count) {
  return std::string(count - 1, '/');
}

class GreedyClientTest : public testing::Test {
 protected:
  // The code of its SUBACK.
  int subscribe(ServedShard& broker, core::SocketId socket, const std::string& filter) {
    const std::string suback = broker.say(socket, test::subscribe_packet(1, {{filter, 0}}));
    return suback.size() == 5 ? static_cast<uint8_t>(suback.back()) : -1;
  }
};

TEST_F(GreedyClientTest, has_a_mebibyte_for_its_filters) {
  ServedShard broker;
  const core::SocketId client = broker.connect({.client_id = "c"});
  const auto filter = [](char first) { return first + std::string(65'534, 'f'); };
  char next = 'a';
  size_t bytes = 0;
  while (subscribe(broker, client, filter(next)) == 0) bytes += filter(next++).size();
  EXPECT_LE(bytes, kMiB);
  EXPECT_GT(bytes, kMiB - 100'000);
  EXPECT_EQ(subscribe(broker, client, filter(next)), 0x80);
  EXPECT_EQ(subscribe(broker, client, "short"), 0);
  // What it gives back it may use again.
  broker.say(client, test::unsubscribe_packet(2, {filter('a')}));
  EXPECT_EQ(subscribe(broker, client, filter(next)), 0);
}

// Each time a filter is named its retained messages are due again, and the filter is kept for that.
TEST_F(GreedyClientTest, has_a_mebibyte_for_the_filters_whose_retained_messages_it_does_not_take) {
  ServedShard broker;
  const core::SocketId publisher = broker.connect({.client_id = "p"});
  for (int i = 0; i < 4; ++i)
    broker.say(publisher, test::publish_packet("r" + std::to_string(i), std::string(60'000, 'x'), {.retain = true}));
  const core::SocketId client = broker.connect({.client_id = "c"});
  broker.network.stop_reading(client);
  broker.say(client, test::subscribe_packet(1, {{"+", 0}}));
  const Session& session = *broker.shard->sessions().find("c");
  for (int i = 0; i < 40; ++i) broker.say(client, test::subscribe_packet(1, {{std::string(60'000, 'f'), 0}}));
  size_t bytes = 0;
  for (const auto& scan : session.retained_scans) bytes += scan.filter.size();
  EXPECT_LE(bytes, kMiB);
}

// It asks and asks, and takes no answer.
TEST_F(GreedyClientTest, is_not_read_while_it_takes_no_answers) {
  ServedShard broker;
  const core::SocketId client = broker.connect({.client_id = "c"});
  broker.network.stop_reading(client);
  std::string questions;
  for (int i = 0; i < 10'000; ++i) questions += test::pingreq_packet();
  for (int i = 0; i < 100; ++i) broker.say(client, questions);
  EXPECT_GT(broker.network.unread(client), 100 * questions.size() - kMiB);
  broker.network.go_on_reading(client);
  for (int i = 0; i < 100; ++i) broker.settle();
  EXPECT_EQ(broker.network.unread(client), 0u);
  EXPECT_TRUE(broker.network.is_open(client));
}

// Nothing of these is a record: they wait only for their place behind what is on its way to the disk.
TEST_F(GreedyClientTest, has_a_bound_for_answers_that_wait) {
  ServedShard broker;
  const core::SocketId client = broker.connect({.client_id = "c"});
  broker.network.arrive(client, test::publish_packet("x", "m", {.qos = 1, .packet_id = 1}));
  broker.turn();
  std::string releases;
  for (int i = 0; i < 50'000; ++i) releases += test::acknowledge_packet(Type::kPubrel, 7);
  const size_t rounds = BrokerShard::kAnswersWaitingMax / 50'000 + 10;
  for (size_t i = 0; i < rounds; ++i) {
    broker.network.arrive(client, releases);
    broker.turn();
  }
  EXPECT_LE(broker.shard->acknowledgements().size(), BrokerShard::kAnswersWaitingMax);
  for (int i = 0; i < 20; ++i) broker.settle();
  EXPECT_EQ(broker.network.take(client).size(), 4 + rounds * releases.size());
}

// A message of a few bytes is for all of them.
TEST_F(GreedyClientTest, has_a_bound_for_what_overlapping_filters_make_of_one_turn) {
  ServedShard broker;
  const core::SocketId client = broker.connect({.client_id = "c"});
  test::FilterList filters;
  constexpr int kLevels = 10;
  for (int bits = 0; bits < 1 << kLevels; ++bits) {
    std::string filter;
    for (int level = 0; level < kLevels; ++level) filter += (bits >> level & 1) != 0 ? "/a" : "/+";
    filters.emplace_back(filter.substr(1), 1);
  }
  broker.say(client, test::subscribe_packet(1, filters));
  ASSERT_EQ(broker.shard->sessions().find("c")->subscriptions.size(), filters.size());
  const core::SocketId publisher = broker.connect({.client_id = "p"});
  constexpr uint64_t kMessages = 4000;
  std::string publishes;
  for (uint64_t i = 0; i < kMessages; ++i) publishes += test::publish_packet("a/a/a/a/a/a/a/a/a/a", "");
  const log::Sequence begin = broker.shard->log().next_sequence();
  broker.network.arrive(publisher, publishes);
  const auto taken = [&] { return broker.shard->log().next_sequence().value() - begin.value(); };
  constexpr uint64_t kAtATime = BrokerShard::kQueueEntriesPerTurn / (1 << kLevels) + 1;
  uint64_t before = 0;
  int turns = 0;
  for (; turns < 100 && taken() < kMessages; ++turns) {
    EXPECT_TRUE(broker.turn()) << "nothing else wakes it";
    EXPECT_LE(taken() - before, kAtATime);
    before = taken();
  }
  EXPECT_EQ(taken(), kMessages);
  EXPECT_LT(turns, 10);
}

// At QoS 2 a window of messages is promised before the first is sent.
TEST_F(GreedyClientTest, is_not_sent_a_whole_window_that_it_does_not_take) {
  ServedShard broker;
  const test::ConnectOptions options{.client_id = "c", .clean_session = false};
  const core::SocketId first = broker.connect(options);
  broker.say(first, test::subscribe_packet(1, {{"x", 2}}));
  broker.network.finish(first);
  const core::SocketId publisher = broker.connect({.client_id = "p"});
  std::string expected = test::from_hex("20 02 01 00");
  for (uint16_t id = 1; id <= 20; ++id) {
    const std::string publish = test::publish_packet("x", std::string(60'000, 'a' + id), {.qos = 2, .packet_id = id});
    broker.network.arrive(publisher, publish);
    expected += publish;
  }
  broker.settle();
  const core::SocketId client = broker.open();
  broker.network.stop_reading(client);
  broker.say(client, test::connect_packet(options));
  broker.network.go_on_reading(client);
  broker.turn();
  broker.turn();
  broker.network.stop_reading(client);
  broker.settle();
  const Session& session = *broker.shard->sessions().find("c");
  const InflightWindow& window = *session.window_if_any();
  size_t sent = 0;
  for (size_t i = 0; i < window.size(); ++i) sent += window.at(i).state == DeliveryState::kPublished;
  EXPECT_LT(sent, window.size());
  EXPECT_LE(sent, 4u);
  broker.network.go_on_reading(client);
  broker.settle();
  EXPECT_EQ(broker.network.take(client), expected);
}

TEST_F(GreedyClientTest, has_128_levels) {
  ServedShard broker;
  const core::SocketId client = broker.connect({.client_id = "c"});
  EXPECT_EQ(subscribe(broker, client, levels(128)), 0);
  EXPECT_EQ(subscribe(broker, client, levels(129)), 0x80);
  EXPECT_EQ(broker.say(client, test::publish_packet(levels(128), "")), test::publish_packet(levels(128), ""));
  broker.say(client, test::publish_packet(levels(129), ""));
  EXPECT_FALSE(broker.network.is_open(client));
  EXPECT_EQ(broker.closes(CloseReason::kProtocolError), 1u);
  const core::SocketId with_will = broker.connect({.client_id = "w", .will = test::Will{levels(129), "m"}});
  EXPECT_FALSE(broker.network.is_open(with_will));
}

TEST_F(GreedyClientTest, unsubscribes_from_many_filters_and_the_others_go_on_in_order) {
  ServedShard broker({.inflight_max = 1});
  const core::SocketId client = broker.connect({.client_id = "c"});
  const core::SocketId publisher = broker.connect({.client_id = "p"});
  test::FilterList filters;
  std::vector<std::string> evens{"unknown", "x0", "x0"};
  for (int i = 0; i < 20; ++i) filters.emplace_back("x" + std::to_string(i), 1);
  for (int i = 0; i < 20; i += 2) evens.push_back(filters[i].first);
  broker.say(client, test::subscribe_packet(1, filters));
  for (int i = 19; i >= 0; --i)
    broker.say(publisher, test::publish_packet(filters[i].first, "", {.qos = 1, .packet_id = 1}));
  broker.network.take(client);
  EXPECT_EQ(broker.say(client, test::unsubscribe_packet(2, evens)), test::from_hex("b0 02 00 02"));
  EXPECT_EQ(broker.shard->sessions().find("c")->subscriptions.size(), 10u);
  // x19 is on its way, and a window that was empty begins with id 1.
  for (int i = 17; i > 0; i -= 2) {
    EXPECT_EQ(broker.say(client, test::acknowledge_packet(Type::kPuback, 1)),
              test::publish_packet(filters[i].first, "", {.qos = 1, .packet_id = 1}));
  }
  EXPECT_EQ(broker.say(client, test::acknowledge_packet(Type::kPuback, 1)), "");
}

// For a few bytes each, they would all be written to the log once more.
TEST_F(GreedyClientTest, gets_records_of_retained_messages_only_as_it_takes_them) {
  constexpr size_t kRetained = 300;
  constexpr size_t kTimes = 4;
  ServedShard broker({.inflight_max = 10});
  const core::SocketId publisher = broker.connect({.client_id = "p"});
  for (size_t i = 0; i < kRetained; ++i)
    broker.network.arrive(
        publisher, test::publish_packet("r/" + std::to_string(i), "m", {.qos = 1, .retain = true, .packet_id = 1}));
  broker.settle();
  for (const bool clean_session : {true, false}) {
    const core::SocketId client = broker.connect({.client_id = "c", .clean_session = clean_session});
    const uint64_t before = broker.shard->log().next_sequence().value();
    std::string received;
    for (size_t i = 0; i < kTimes; ++i) received += broker.say(client, test::subscribe_packet(1, {{"r/#", 1}}));
    EXPECT_LT(broker.shard->log().next_sequence().value() - before, 320u);
    // It gets them all.
    size_t count = 0;
    for (size_t at = 0; at < received.size();) {
      test::Packet packet;
      ASSERT_EQ(test::take_packet(received, at, packet), test::Take::kPacket);
      if (packet.type == Type::kPublish) {
        ++count;
        broker.network.arrive(client, test::acknowledge_packet(Type::kPuback, packet.packet_id));
      }
      if (at < received.size()) continue;
      broker.settle();
      received += broker.network.take(client);
    }
    EXPECT_EQ(count, kRetained * kTimes);
  }
}

}  // namespace
}  // namespace penstock::broker
