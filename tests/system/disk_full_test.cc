// A full disk: publishes are not acknowledged, connections live, subscribers read on, service returns when room is
// made, and nothing acknowledged is lost. Needs root for a small file system of its own.
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>

#include "tests/support/broker_suite.h"
#include "tests/system/acknowledgement_probe.h"

namespace penstock::test {
namespace {

constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kDiskBytes = 96 * kMiB;
constexpr uint64_t kFillerBytes = 76 * kMiB;

class SmallDisk {
 public:
  explicit SmallDisk(std::string path) : path_(std::move(path)) {
    std::filesystem::create_directory(path_);
    mounted_ = mount("tmpfs", path_.c_str(), "tmpfs", 0, ("size=" + std::to_string(kDiskBytes)).c_str()) == 0;
    if (!mounted_) reason_ = strerror(errno);
  }
  ~SmallDisk() {
    if (mounted_) umount2(path_.c_str(), MNT_DETACH);
  }

  bool mounted() const { return mounted_; }
  const std::string& reason() const { return reason_; }
  void fill() const {
    std::ofstream file(path_ + "/filler", std::ios::binary);
    const std::string block(kMiB, 'f');
    for (uint64_t bytes = 0; bytes < kFillerBytes; bytes += block.size()) file << block;
  }
  void make_room() const { std::filesystem::remove(path_ + "/filler"); }

 private:
  std::string path_;
  std::string reason_;
  bool mounted_ = false;
};

std::string payload_of(uint64_t number) {
  std::string payload = std::to_string(number);
  payload.resize(32 << 10, '.');
  return payload;
}

TEST(DiskFull, refuses_publishes_serves_the_rest_and_recovers) {
  if (runs_mosquitto()) GTEST_SKIP() << "about Penstock's log";
  TempDir dir;
  const SmallDisk disk(dir / "disk");
  if (!disk.mounted()) GTEST_SKIP() << "mounting a small tmpfs needs root: " << disk.reason();
  disk.fill();
  BrokerProcess broker({.data_dir = dir / "disk/data", .shards = 1, .more = {"--segment-bytes", "4194304"}});
  ASSERT_TRUE(broker.running());
  TestClient subscriber(broker.port(), ConnectOptions{.client_id = "s", .clean_session = false});
  subscriber.subscribe("x", 1);

  // One at a time until one is not acknowledged; PINGREQ behind each shows that the connection is served.
  TestClient publisher(broker.port(), ConnectOptions{.client_id = "p", .clean_session = false});
  std::set<uint64_t> acknowledged;
  uint64_t number = 0;
  bool refused = false;
  while (!refused && !publisher.broken()) {
    ASSERT_LT(++number * payload_of(1).size(), kDiskBytes) << "more was acknowledged than the disk can hold";
    const auto packet_id = static_cast<uint16_t>(number);
    refused =
        !is_acknowledged(publisher, publish_packet("x", payload_of(number), {.qos = 1, .packet_id = packet_id}), 50);
    if (!refused) acknowledged.insert(number);
    publisher = TestClient(broker.port(), ConnectOptions{.client_id = "p", .clean_session = false});
  }
  ASSERT_TRUE(refused);
  ASSERT_FALSE(acknowledged.empty());

  // Connections live, and the subscriber reads everything that was acknowledged.
  TestClient other(broker.port(), ConnectOptions{.client_id = "o"});
  other.expect_quiet();
  for (const uint64_t wanted : acknowledged) {
    const Packet packet = subscriber.take_message();
    if (subscriber.broken()) break;
    EXPECT_TRUE(packet.payload == payload_of(wanted)) << wanted;
  }

  // Room comes back, service too: the publisher repeats what was not acknowledged, as a client does. A refusal may
  // still be answered by silence for a moment, so it asks again over new connections.
  disk.make_room();
  bool served = false;
  for (int i = 0; i < 100 && !served; ++i) {
    publisher = TestClient(broker.port(), ConnectOptions{.client_id = "p", .clean_session = false});
    served = is_acknowledged(publisher, publish_packet("x", "room", {.qos = 1, .dup = i > 0, .packet_id = 7}), 5);
  }
  EXPECT_TRUE(served);
  // Refused messages may have been kept or not; the one behind them arrives.
  for (Packet packet = subscriber.take_message(); packet.payload != "room" && !subscriber.broken();) {
    packet = subscriber.take_message();
  }
  subscriber.expect_quiet();

  EXPECT_EQ(broker.stop(), 0);
  expect_log_verifies(dir / "disk/data");
  ASSERT_TRUE(broker.restart());
  subscriber = TestClient(broker.port(), ConnectOptions{.client_id = "s", .clean_session = false});
  TestClient late(broker.port(), ConnectOptions{.client_id = "q"});
  late.publish("x", "after restart", 1);
  subscriber.expect_message("x", "after restart");
  EXPECT_EQ(broker.stop(), 0);
}

// [MQTT-4.8.0-2] Not at once, when a reconnect would help nobody, but as soon as there is room.
TEST(DiskFull, closes_the_connections_that_it_owes_an_answer_when_there_is_room) {
  if (runs_mosquitto()) GTEST_SKIP() << "about Penstock's log";
  TempDir dir;
  const SmallDisk disk(dir / "disk");
  if (!disk.mounted()) GTEST_SKIP() << "mounting a small tmpfs needs root: " << disk.reason();
  disk.fill();
  BrokerProcess broker({.data_dir = dir / "disk/data", .shards = 1, .more = {"--segment-bytes", "4194304"}});
  ASSERT_TRUE(broker.running());
  const auto persistent = [&](const char* name) {
    return TestClient(broker.port(), ConnectOptions{.client_id = name, .clean_session = false});
  };
  // Each in the middle of something that will need a record.
  TestClient releasing = persistent("releasing");
  releasing.send(publish_packet("y", "m", {.qos = 2, .packet_id = 1}));
  releasing.expect(Type::kPubrec, 1);
  TestClient receiving = persistent("receiving");
  receiving.subscribe("z", 2);
  TestClient helper(broker.port(), ConnectOptions{.client_id = "h"});
  helper.publish("z", "m", 2);
  const uint16_t received = receiving.expect(Type::kPublish).packet_id;
  TestClient leaving = persistent("leaving");
  leaving.subscribe("w", 1);

  TestClient publisher = persistent("publisher");
  uint64_t number = 0;
  do {
    ASSERT_LT(++number * payload_of(1).size(), kDiskBytes) << "more was acknowledged than the disk can hold";
  } while (is_acknowledged(
      publisher, publish_packet("x", payload_of(number), {.qos = 1, .packet_id = static_cast<uint16_t>(number)}), 50));

  releasing.send(acknowledge_packet(Type::kPubrel, 1));
  releasing.expect_quiet();
  receiving.send(acknowledge_packet(Type::kPubrec, received));
  receiving.expect_quiet();
  const std::vector<std::string> filters(300, "w");
  leaving.send(unsubscribe_packet(2, filters));
  leaving.expect_quiet();

  disk.make_room();
  for (TestClient* owed : {&publisher, &releasing, &receiving, &leaving}) {
    for (const Packet& packet : owed->drain_until_closed()) EXPECT_EQ(packet.type, Type::kPingresp) << packet;
  }
  // What they repeat after the reconnect is answered.
  releasing = persistent("releasing");
  releasing.send(acknowledge_packet(Type::kPubrel, 1));
  releasing.expect(Type::kPubcomp, 1);
  receiving = persistent("receiving");
  EXPECT_EQ(receiving.expect(Type::kPublish).packet_id, received);
  receiving.send(acknowledge_packet(Type::kPubrec, received));
  receiving.expect(Type::kPubrel, received);
  leaving = persistent("leaving");
  leaving.send(unsubscribe_packet(2, filters));
  leaving.expect(Type::kUnsuback, 2);
  EXPECT_EQ(broker.stop(), 0);
  expect_log_verifies(dir / "disk/data");
}

}  // namespace
}  // namespace penstock::test
