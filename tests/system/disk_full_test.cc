// A full disk: publishes are not acknowledged, connections live, subscribers read on, service returns when room is
// made, and nothing acknowledged is lost. Needs root for a small file system of its own.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>

#include "tests/support/broker_suite.h"
#include "tests/support/loop_mount.h"
#include "tests/support/own_mounts.h"
#include "tests/system/acknowledgement_probe.h"

namespace penstock::test {
namespace {

constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kDiskBytes = 96 * kMiB;
constexpr uint64_t kRoomBytes = 20 * kMiB;

// A tmpfs, or an ext4 on a loop device.
class SmallDisk {
 public:
  SmallDisk(std::string path, const std::string& type) : path_(std::move(path)) {
    std::filesystem::create_directory(path_);
    if (reason_ = enter_own_mounts(); !reason_.empty()) return;
    if (type == "tmpfs") {
      const std::string options = "size=" + std::to_string(kDiskBytes);
      if (mount("tmpfs", path_.c_str(), "tmpfs", 0, options.c_str()) != 0) reason_ = strerror(errno);
      return;
    }
    const int memory = memfd_create("penstock-disk", MFD_CLOEXEC);
    if (ftruncate(memory, kDiskBytes) != 0) reason_ = strerror(errno);
    if (reason_.empty()) reason_ = mount_image(memory, path_, type, true);
    close(memory);
  }
  ~SmallDisk() { umount2(path_.c_str(), MNT_DETACH); }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  bool mounted() const { return reason_.empty(); }
  const std::string& reason() const { return reason_; }
  // All but a little.
  void fill() const {
    struct statvfs status{};
    ASSERT_EQ(statvfs(path_.c_str(), &status), 0);
    const int file = open(filler().c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    EXPECT_EQ(posix_fallocate(file, 0, static_cast<off_t>(status.f_bfree * status.f_bsize - kRoomBytes)), 0);
    close(file);
  }
  void make_room() const { std::filesystem::remove(filler()); }

 private:
  std::string filler() const { return path_ + "/filler"; }

  std::string path_;
  std::string reason_;
};

struct Parameters {
  const char* type;
  int shards;
};

class DiskFull : public testing::TestWithParam<Parameters> {
 protected:
  DiskFull() : disk_(dir_ / "disk", GetParam().type) {}
  void SetUp() override {
    if (runs_mosquitto()) GTEST_SKIP() << "about Penstock's log";
    if (!disk_.mounted()) GTEST_SKIP() << disk_.reason();
    disk_.fill();
  }
  BrokerFlags flags() {
    // Two segments of each log take less than the room that is left.
    const char* segment_bytes = GetParam().shards == 1 ? "4194304" : "1048576";
    return {.data_dir = dir_ / "disk/data", .shards = GetParam().shards, .more = {"--segment-bytes", segment_bytes}};
  }

  TempDir dir_;
  SmallDisk disk_;
};

std::string payload_of(uint64_t number) {
  std::string payload = std::to_string(number);
  payload.resize(32 << 10, '.');
  return payload;
}

TEST_P(DiskFull, refuses_publishes_serves_the_rest_and_recovers) {
  BrokerProcess broker(flags());
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

  // The other logs still have what they took before.
  if (GetParam().shards > 1) {
    int served_by_others = 0;
    for (int i = 0; i < 16; ++i) {
      TestClient another(broker.port(), ConnectOptions{.client_id = "another" + std::to_string(i)});
      served_by_others += is_acknowledged(another, publish_packet("y", "m", {.qos = 1, .packet_id = 1}), 10);
    }
    EXPECT_GT(served_by_others, 0);
  }

  // Room comes back, service too: the publisher repeats what was not acknowledged, as a client does. A refusal may
  // still be answered by silence for a moment, so it asks again over new connections.
  disk_.make_room();
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
  expect_log_verifies(dir_ / "disk/data");
  ASSERT_TRUE(broker.restart());
  subscriber = TestClient(broker.port(), ConnectOptions{.client_id = "s", .clean_session = false});
  TestClient late(broker.port(), ConnectOptions{.client_id = "q"});
  late.publish("x", "after restart", 1);
  subscriber.expect_message("x", "after restart");
  EXPECT_EQ(broker.stop(), 0);
}

// With several shards not everybody would be owed something: one log is full.
using DiskFullOfOneLog = DiskFull;

// [MQTT-4.8.0-2] Not at once, when a reconnect would help nobody, but as soon as there is room.
TEST_P(DiskFullOfOneLog, closes_the_connections_that_it_owes_an_answer_when_there_is_room) {
  BrokerProcess broker(flags());
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

  disk_.make_room();
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
  expect_log_verifies(dir_ / "disk/data");
}

std::string name_of(const testing::TestParamInfo<Parameters>& parameter) {
  return parameter.param.type + ("_shards_" + std::to_string(parameter.param.shards));
}

INSTANTIATE_TEST_SUITE_P(, DiskFull,
                         testing::Values(Parameters{"tmpfs", 1}, Parameters{"tmpfs", 8}, Parameters{"ext4", 1},
                                         Parameters{"ext4", 8}),
                         name_of);
INSTANTIATE_TEST_SUITE_P(, DiskFullOfOneLog, testing::Values(Parameters{"ext4", 1}), name_of);

}  // namespace
}  // namespace penstock::test
