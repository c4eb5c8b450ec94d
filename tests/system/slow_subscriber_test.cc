// Subscribers that read nothing, of every kind that there is, cost the broker no memory and delay nobody.
//
// PENSTOCK_TEST_CLIENT=v5_wss and the like makes all clients of that kind.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string>
#include <vector>

#include "tests/support/broker_suite.h"
#include "tests/support/client_kind.h"

namespace penstock::test {
namespace {

constexpr uint64_t kMiB = 1 << 20;
constexpr size_t kPayloadBytes = 2048;
constexpr uint16_t kBatch = 100;

std::string numbered_payload(uint64_t number) {
  std::string payload = std::to_string(number);
  payload.resize(kPayloadBytes, '.');
  return payload;
}

// Publishes `count` messages at QoS 1 in batches and sees each arrive at the reader before the next batch.
void flow(TestClient& publisher, TestClient& reader, const std::string& name, uint64_t& number, uint64_t count) {
  for (const uint64_t end = number + count; number < end && !publisher.broken() && !reader.broken();) {
    std::string bytes;
    for (uint16_t i = 1; i <= kBatch; ++i) {
      bytes += publish_packet(name, numbered_payload(number + i), {.qos = 1, .packet_id = i}, publisher.level());
    }
    publisher.send(bytes);
    for (uint16_t i = 1; i <= kBatch; ++i) publisher.expect(Type::kPuback, i);
    for (uint16_t i = 1; i <= kBatch; ++i) reader.expect_message(name, numbered_payload(number + i));
    number += kBatch;
  }
}

// A topic that flows while some of its subscribers sleep.
class SlowSubscriberSuite : public BrokerSuite {
 protected:
  void start() {
    std::vector<std::string> flags = listeners_for(kinds_, files_ / "listener");
    flags.insert(flags.end(), {"--segment-bytes", "16777216", "--tail-bytes", "8388608"});
    own_broker(flags);
  }

  TestClient open(const ClientKind& kind, ConnectOptions options, int receive_buffer_bytes = 0) {
    TestClient client(Endpoint(own_broker().port_of(kind.over), kind.over), receive_buffer_bytes);
    options.client_id = id(options.client_id);
    options.protocol_level = kind.level;
    EXPECT_EQ(client.connect(options).return_code, 0) << kind;
    return client;
  }

  // Reads nothing behind its SUBACK.
  TestClient sleeper(const ClientKind& kind, const ConnectOptions& options, uint8_t qos) {
    TestClient sleeper = open(kind, options, 4096);
    EXPECT_EQ(sleeper.subscribe(topic("x"), qos), qos) << kind;
    return sleeper;
  }

  // So many bytes, a part of them by a publisher and a reader of each kind, which come for it. All have the same client
  // ids, hence shards: one tail of the log is filled.
  void flow_of_all_kinds(uint64_t bytes) {
    for (const ClientKind& kind : kinds_) {
      SCOPED_TRACE(name_of(kind));
      TestClient publisher = open(kind, {.client_id = "p"});
      TestClient reader = open(kind, {.client_id = "r"});
      reader.subscribe(topic("x"), 1);
      flow(publisher, reader, topic("x"), number_, bytes / kPayloadBytes / kinds_.size());
    }
  }

  const std::vector<ClientKind> kinds_ = client_kinds_under_test();
  TempDir files_;
  uint64_t number_ = 0;  // of the last message
};

BROKER_SUITE_ON(SlowSubscriberSuite, SlowSubscribers, kLevel311);

TEST_P(SlowSubscribers, of_every_kind_cost_no_memory_and_delay_nobody) {
  start();
  std::vector<TestClient> clean;
  std::vector<TestClient> persistent;
  for (const ClientKind& kind : kinds_) {
    const std::string name = name_of(kind);
    clean.push_back(sleeper(kind, {.client_id = "z" + name}, 0));
    clean.push_back(sleeper(kind, {.client_id = "c" + name}, 1));
    persistent.push_back(sleeper(kind, {.client_id = "k" + name, .clean_session = false}, 1));
  }
  flow_of_all_kinds(32 * kMiB);  // fills the tail in memory and every buffer
  const uint64_t before = own_broker().resident_bytes();
  flow_of_all_kinds(64 * kMiB);
  const uint64_t after = own_broker().resident_bytes();
  EXPECT_LT(after, before + 16 * kMiB) << "before " << before / kMiB << " MiB, after " << after / kMiB << " MiB";
  // Those with a persistent session wake up and get it all, most of it from the disk.
  for (TestClient& sleeper : persistent) {
    const int awake_bytes = 1 << 20;
    setsockopt(sleeper.socket(), SOL_SOCKET, SO_RCVBUF, &awake_bytes, sizeof awake_bytes);
    for (uint64_t i = 1; i <= number_ && !sleeper.broken(); ++i) {
      sleeper.expect_message(topic("x"), numbered_payload(i));
    }
    // Chunks of cold reads (16 MiB) and pages read back (4 MiB) of each shard are nearly all that this takes.
    EXPECT_LT(own_broker().resident_bytes(), before + (12 + 20 * static_cast<uint64_t>(shards())) * kMiB);
  }
}

}  // namespace
}  // namespace penstock::test
