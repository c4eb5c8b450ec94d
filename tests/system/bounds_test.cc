// Bounds: nobody who is slow, silent or greedy costs memory, time or messages of the others.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>

#include "tests/support/broker_suite.h"

namespace penstock::test {
namespace {

using namespace std::chrono_literals;

BROKER_SUITE(Bounds);

constexpr uint64_t kMiB = 1 << 20;

TEST_P(Bounds, a_client_that_sends_connect_byte_by_byte_forever_is_dropped) {
  TestClient slow = silent();
  TestClient nothing = silent();
  const std::string connect =
      connect_packet({.client_id = "slow", .will = Will{"w", std::string(60'000, 'w'), 0, false}});
  // Far more bytes than it can send before the broker has to give up; the failure limit is a minute.
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  bool dropped = false;
  for (size_t i = 0; i < connect.size() && !dropped; ++i) {
    ASSERT_LT(std::chrono::steady_clock::now(), give_up) << "still connected after " << i << " bytes";
    dropped = !slow.try_send(std::string_view(connect).substr(i, 1));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_TRUE(dropped);
  nothing.expect_closed();  // the one that never said a word is gone as well
  client("b").expect_quiet();
}

TEST_P(Bounds, connections_beyond_the_limit_are_closed_and_the_others_stay) {
  if (runs_mosquitto()) GTEST_SKIP() << "a flag of Penstock";
  own_broker({"--max-connections", "10"});
  std::vector<TestClient> clients;
  for (int i = 0; i < 10; ++i) clients.push_back(client("c" + std::to_string(i)));
  TestClient refused = silent();
  refused.try_send(connect_packet({.client_id = id("r")}));
  for (const Packet& packet : refused.drain_until_closed()) EXPECT_NE(packet.return_code, 0);
  for (TestClient& client : clients) client.expect_quiet();
  clients.pop_back();
  // A place is free as soon as the broker has seen the close.
  bool accepted = false;
  for (int i = 0; i < 1000 && !accepted; ++i) {
    TestClient late = silent();
    accepted = late.try_send(connect_packet({.client_id = id("l")})) && late.next_or_end().type == Type::kConnack;
    if (!accepted) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_TRUE(accepted);
}

TEST_P(Bounds, payloads_up_to_the_flag_pass_and_larger_ones_close) {
  if (runs_mosquitto()) GTEST_SKIP() << "a flag of Penstock";
  own_broker({"--max-payload", "1048576"});
  TestClient subscriber = client("s");
  subscriber.subscribe(topic("x"), 1);
  TestClient publisher = client("p");
  const std::string largest(kMiB, 'x');
  publisher.publish(topic("x"), largest, 1);
  EXPECT_TRUE(subscriber.take_message().payload == largest);
  // One byte more, and so much more that already the size of the packet tells.
  for (const uint64_t bytes : {kMiB + 1, kMiB + 256 * 1024}) {
    publisher.try_send(publish_packet(topic("x"), std::string(bytes, 'y'), {.qos = 1, .packet_id = 9}));
    for (const Packet& packet : publisher.drain_until_closed()) EXPECT_NE(packet.type, Type::kPuback) << bytes;
    publisher = client("q");
    publisher.publish(topic("x"), "fence", 1);
    subscriber.expect_message(topic("x"), "fence");
  }
}

// Retained messages at QoS 1 and 2 become records of the log once more, which then had no room for the larger ones.
TEST_P(Bounds, large_retained_messages_reach_a_subscription_at_qos_1) {
  if (runs_mosquitto()) GTEST_SKIP() << "a flag of Penstock";
  BrokerProcess& broker = own_broker({"--max-payload", "1MiB", "--tail-bytes", "8MiB", "--segment-bytes", "2MiB"});
  TestClient publisher = client("p");
  const std::string large(kMiB, 'x');
  for (int i = 0; i < 12; ++i) publisher.publish(topic("r/" + std::to_string(i)), large, 1, true);
  TestClient subscriber = client("s");
  subscriber.subscribe(topic("r/+"), 1);
  for (int i = 0; i < 12; ++i) EXPECT_EQ(subscriber.take_message().payload.size(), large.size());
  // A life with smaller limits has them still, and does not stop at what its log could not hold.
  EXPECT_EQ(broker.stop(), 0);
  BrokerFlags flags = broker.flags();
  flags.more = {"--tail-bytes", "4MiB", "--segment-bytes", "1MiB"};
  ASSERT_TRUE(broker.start(flags));
  subscriber = client("s");
  subscriber.subscribe(topic("r/+"), 1);
  for (int i = 0; i < 12; ++i) EXPECT_EQ(subscriber.take_message().payload.size(), large.size());
  subscriber.subscribe(topic("y"), 1);
  client("q").publish(topic("y"), "served", 1);
  subscriber.expect_message(topic("y"), "served");
}

// Each time a filter is named its retained messages are due again, and each waits for a client that reads nothing.
TEST_P(Bounds, a_filter_named_again_and_again_costs_no_memory) {
  if (runs_mosquitto()) GTEST_SKIP() << "about Penstock's own bound";
  constexpr int kPackets = 60;
  BrokerProcess& broker = own_broker();
  TestClient publisher = client("p");
  publisher.publish(topic("large"), std::string(60'000, 'x'), 1, true);
  TestClient deaf(broker.port(), 4096);
  deaf.connect({.client_id = id("d")});
  // More than the sockets hold, so that all that follows waits behind it.
  deaf.send(subscribe_packet(1, FilterList(500, {topic("large"), 0})));
  publisher.expect_quiet();
  const uint64_t before = broker.resident_bytes();
  for (uint16_t i = 2; i < kPackets; ++i) deaf.send(subscribe_packet(i, FilterList(4000, {"z", 0})));
  std::string codes;
  for (int suback_count = 1; suback_count < kPackets && !deaf.broken();) {
    const Packet packet = deaf.next();
    suback_count += packet.type == Type::kSuback ? 1 : 0;
    codes += packet.codes;
    if (suback_count == kPackets / 2) {
      EXPECT_LT(broker.resident_bytes(), before + 8 * kMiB);
    }
  }
  EXPECT_EQ(codes.substr(0, 4500), std::string(4500, '\0'));
  EXPECT_NE(codes.find('\x80'), std::string::npos);
  // Once it has read, it may go on.
  EXPECT_EQ(deaf.subscribe(topic("y"), 0), 0);
}

// 2^12 filters of "x" and "+" match the same topic: each message stands in as many queues of its subscriber.
TEST_P(Bounds, a_subscriber_with_thousands_of_matching_filters_leaves_turns_to_others) {
  constexpr uint32_t kLevels = 12;
  constexpr int kMessages = 500;
  own_broker();
  TestClient greedy = client("g");
  for (uint32_t begin = 0; begin < 1u << kLevels; begin += 1024) {
    FilterList filters;
    for (uint32_t bits = begin; bits < begin + 1024; ++bits) {
      std::string filter = topic("x");
      for (uint32_t level = 0; level < kLevels; ++level) filter += (bits >> level & 1) != 0 ? "/x" : "/+";
      filters.emplace_back(filter, 0);
    }
    greedy.subscribe(filters);
  }
  std::string name = topic("x");
  for (uint32_t level = 0; level < kLevels; ++level) name += "/x";
  std::atomic<bool> over = false;
  std::atomic<int> answers = 0;
  std::thread other([&, client = client("o")]() mutable {
    for (; !over && !client.broken(); ++answers) client.expect_quiet();
  });
  TestClient publisher = client("p");
  for (int i = 0; i < kMessages; ++i) publisher.send(publish_packet(name, ""));
  for (int i = 0; i < kMessages; ++i) greedy.expect(Type::kPublish);
  over = true;
  other.join();
  // One for each turn; all these messages were one turn.
  EXPECT_GT(answers, 50);
}

TEST_P(Bounds, deliveries_in_flight_stay_within_the_window) {
  if (runs_mosquitto()) GTEST_SKIP() << "a flag of Penstock";
  own_broker({"--inflight", "5"});
  TestClient subscriber = client("s");
  subscriber.subscribe({{topic("x"), 1}, {topic("y"), 0}});
  TestClient publisher = client("p");
  for (int i = 0; i < 12; ++i) publisher.publish(topic("x"), std::to_string(i), 1);
  std::vector<Packet> packets;
  for (int i = 0; i < 5; ++i) packets.push_back(subscriber.expect(Type::kPublish));
  subscriber.expect_quiet();
  for (int i = 0; i < 7; ++i) {
    subscriber.acknowledge(packets[static_cast<size_t>(i)]);
    packets.push_back(subscriber.expect(Type::kPublish));
    EXPECT_EQ(packets.back().payload, std::to_string(5 + i));
    subscriber.expect_quiet();
  }
}

// Sends until the broker reads no more of it, or has dropped it; false if it goes on for ever.
bool is_stopped(TestClient& client, const std::string& questions, std::chrono::microseconds pause) {
  constexpr size_t kFarTooMuch = 48u << 20;  // the sockets hold much less
  pollfd writable{.fd = client.socket(), .events = POLLOUT};
  for (size_t taken = 0; taken < kFarTooMuch;) {
    if (poll(&writable, 1, 2'000) == 0) return true;
    const size_t at = taken % questions.size();
    const ssize_t sent =
        ::send(client.socket(), questions.data() + at, questions.size() - at, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return true;
    taken += sent > 0 ? static_cast<size_t>(sent) : 0;
    std::this_thread::sleep_for(pause);
  }
  return false;
}

TEST_P(Bounds, who_asks_and_never_reads_the_answers_is_stopped_and_others_are_served) {
  TestClient publisher(broker().port(), 4096);
  publisher.connect({.client_id = id("d")});
  std::string publishes;
  for (uint16_t i = 1; i <= 1000; ++i) publishes += publish_packet(topic("x"), "m", {.qos = 1, .packet_id = i});
  EXPECT_TRUE(is_stopped(publisher, publishes, 0us));
  // The answers of one turn are few here: there is always a send under way that does not end.
  TestClient other = client("o");
  TestClient pinger(broker().port(), 4096);
  pinger.connect({.client_id = id("e")});
  std::string pings;
  for (int i = 0; i < 500; ++i) pings += pingreq_packet();
  EXPECT_TRUE(is_stopped(pinger, pings, 100us));
  other.subscribe(topic("y"), 1);
  other.publish(topic("y"), "served", 1);
  other.expect_message(topic("y"), "served");
}

// Sockets that say nothing, more of them than the broker has descriptors: its log still opens its next files.
TEST_P(Bounds, connections_leave_descriptors_for_files) {
  if (runs_mosquitto() || shards() != 1) GTEST_SKIP() << "few descriptors";
  TempDir dir;
  BrokerProcess broker(
      {.data_dir = dir / "data", .more = {"--segment-bytes", "1MiB", "--tail-bytes", "4MiB"}, .in_child = [] {
         const rlimit few{.rlim_cur = 120, .rlim_max = 120};
         setrlimit(RLIMIT_NOFILE, &few);
       }});
  ASSERT_TRUE(broker.running());
  TestClient publisher(broker.port(), ConnectOptions{.client_id = "p"});
  std::vector<TestClient> silent;
  for (int i = 0; i < 120; ++i) silent.emplace_back(broker.port());
  silent.back().expect_closed();
  for (int i = 0; i < 120; ++i) publisher.publish("x", std::string(60'000, 'x'), 1);
  EXPECT_EQ(broker.stop(), 0);
  EXPECT_EQ(broker.stderr_text().find("Too many open files"), std::string::npos) << broker.stderr_text();
}

TEST_P(Bounds, thousands_of_connections_come_and_go) {
  constexpr int kClients = 2000;
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 16384);
  setrlimit(RLIMIT_NOFILE, &limit);
  own_broker();
  for (int round = 0; round < 2; ++round) {
    std::vector<TestClient> clients;
    for (int i = 0; i < kClients; ++i) {
      clients.push_back(silent());
      clients.back().send(connect_packet({.client_id = id(std::to_string(i))}));
    }
    for (TestClient& client : clients) EXPECT_EQ(client.expect(Type::kConnack).return_code, 0);
    clients.front().subscribe(topic("x"), 1);
    clients.back().publish(topic("x"), "m", 1);
    clients.front().expect_message(topic("x"), "m");
  }
}

}  // namespace
}  // namespace penstock::test
