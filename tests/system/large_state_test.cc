// State that is large at once: records of sessions may need far more room than an ordinary packet's, and are still
// appended only where there is room.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <string>

#include "tests/support/broker_suite.h"

namespace penstock::test {
namespace {

BROKER_SUITE(LargeState);

// Takes so many new QoS 2 messages to their end, as fast as the window lets it.
void take_messages(TestClient& subscriber, int count) {
  std::set<uint16_t> open;
  for (int taken = 0; (taken < count || !open.empty()) && !subscriber.broken();) {
    const Packet packet = subscriber.next();
    if (packet.type == Type::kPublish) {
      if (!packet.dup()) ++taken;
      open.insert(packet.packet_id);
      subscriber.send(acknowledge_packet(Type::kPubrec, packet.packet_id));
    } else {
      open.erase(packet.packet_id);
      subscriber.send(acknowledge_packet(Type::kPubcomp, packet.packet_id));
    }
  }
}

uint64_t largest_progress_record(const std::string& data_dir) {
  const Finished dump = run_program({log_tool_binary(), data_dir, "dump", "--json"});
  EXPECT_EQ(dump.exit_code, 0) << dump.err;
  uint64_t largest = 0;
  std::istringstream lines(dump.out);
  for (std::string line; std::getline(lines, line);) {
    if (line.find("\"session progress\"") == std::string::npos) continue;
    const size_t at = line.find("\"bytes\":");
    largest = std::max<uint64_t>(largest, std::stoull(line.substr(at + 8)));
  }
  return largest;
}

// Progress is recorded once a second. A broker that dies before that again and again must not gather deliveries until
// the record of them finds no room.
TEST_P(LargeState, progress_of_many_short_lives_keeps_its_bound) {
  BrokerProcess& broker = own_broker({"--segment-bytes", "1048576"});
  persistent("s").subscribe(topic("x"), 2);
  constexpr int kLives = 16, kMessagesPerLife = 1000;
  for (int life = 0; life < kLives; ++life) {
    TestClient publisher = client("p");
    std::string burst;
    for (uint16_t i = 1; i <= kMessagesPerLife; ++i) {
      burst += publish_packet(topic("x"), std::to_string(i), {.qos = 2, .packet_id = i});
    }
    publisher.send(burst);
    for (uint16_t i = 1; i <= kMessagesPerLife; ++i) publisher.expect(Type::kPubrec, i);
    TestClient subscriber = persistent("s");
    take_messages(subscriber, kMessagesPerLife);
    ASSERT_TRUE(broker.restart());
  }
  TestClient first = persistent("s");
  TestClient second = persistent("s");  // takes over: now the first one's progress is recorded
  first.drain_until_closed();
  second.drop();
  EXPECT_EQ(broker.stop(), 0);
  // 23 bytes a delivery: a full window, and those that are started between two records, twice.
  EXPECT_LT(largest_progress_record(broker.data_dir()), (128 + 2 * 1024) * 23u + 1000);
}

TEST_P(LargeState, as_many_filters_as_a_session_may_have_come_in_one_packet) {
  BrokerProcess& broker = own_broker({"--segment-bytes", "1048576", "--tail-bytes", "2097152"});
  constexpr int kFilters = 6000;
  const std::string long_id = id("s") + std::string(40'000, 'i');
  FilterList filters;
  for (int i = 0; i < kFilters; ++i) filters.push_back({topic(std::to_string(i)), 1});
  TestClient subscriber(broker.port(), {.client_id = long_id, .clean_session = false});
  for (int round = 0; round < 12; ++round) {
    EXPECT_EQ(subscriber.subscribe(filters), std::string(kFilters, '\1'));
    if (round == 11) break;
    for (int i = 0; i < kFilters; ++i) {
      if (i % 1000 == 0) subscriber.unsubscribe(topic(std::to_string(i)));
    }
  }
  ASSERT_TRUE(broker.restart());
  TestClient again = silent();
  EXPECT_TRUE(again.connect({.client_id = long_id, .clean_session = false}).session_present);
  TestClient publisher = client("p");
  for (int i = 0; i < kFilters; i += 500) {
    publisher.publish(topic(std::to_string(i)), "m", 1);
    again.expect_message(topic(std::to_string(i)), "m");
  }
}

TEST_P(LargeState, large_retained_messages_go_to_a_persistent_session_one_by_one) {
  BrokerProcess& broker = own_broker({"--max-payload", "2097152", "--segment-bytes", "4194304"});
  TestClient publisher = client("p");
  constexpr int kMessages = 20;
  for (int i = 0; i < kMessages; ++i) {
    publisher.publish(topic("r/" + std::to_string(i)), std::string(2'000'000, static_cast<char>('a' + i)), 1, true);
  }
  TestClient subscriber = persistent("s");
  subscriber.subscribe(topic("r/+"), 1);
  for (int i = 0; i < kMessages; ++i) {
    const Packet packet = subscriber.take_message();
    EXPECT_TRUE(packet.retain());
    EXPECT_EQ(packet.payload.size(), 2'000'000u);
  }
  EXPECT_EQ(broker.stop(), 0);
}

}  // namespace
}  // namespace penstock::test
