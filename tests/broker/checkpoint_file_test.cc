// The checkpoint file: its golden bytes, both ways, what is refused of it, and that there is always a whole one.
#include "broker/checkpoint_file.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "protocol/topic_hash.h"
#include "tests/broker/shard_on_disk.h"
#include "tests/log/golden.h"
#include "tests/sim/world_on_failure.h"

namespace penstock::broker {
namespace {

using log::LogId;
using log::LogOffset;
using log::Sequence;
using protocol::PacketId;
using protocol::QoS;
using protocol::TopicFilter;
using protocol::TopicName;

constexpr int64_t kWallUs = sim::SimClock::kStartWallUs;
constexpr LogOffset kMessageAt{4096 + 56};  // behind the epoch's record
// Where the log goes on, and up to where it has been routed (one log): every start moves these.
constexpr size_t kLogPlacesAt = kCheckpointHeaderBytes + 6;
constexpr size_t kLogPlacesBytes = 4 + 8 + 8 + 8 + (4 + 2 + 8 + 8);

std::vector<std::byte> bytes_of(std::string_view text) {
  const core::Bytes bytes = core::as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

constexpr std::string_view kContentType("\x03\0\x01x", 4);

void fill_session(BrokerShard& shard, Session& session) {
  session.persistent = true;
  session.offline_since_us = 1'700'000'000'123'456;
  session.done.advance(LogId(1), Sequence(2), kMessageAt);
  session.inbound = {7, 0x1234};
  Delivery delivery{.packet_id = PacketId(1), .log = LogId(1), .offset = kMessageAt, .sequence = Sequence(2)};
  session.window(10).push(delivery);
  delivery.packet_id = PacketId(2);
  delivery.qos = QoS::kExactlyOnce;
  delivery.state = DeliveryState::kReleased;
  delivery.retain = true;
  session.window(10).push(delivery);
  session.expiry_s = 3600;
  FilterChange change;
  shard.subscribe(session, TopicFilter::accepted("plant/+/temp"), SubscriptionTerms::from_option_bits(0x0a, 300),
                  protocol::RetainHandling::kSend, change);
  session.subscriptions[0]->start = core::LocalShared<LogClock>(LogClock());
  session.subscriptions[0]->start->advance(LogId(1), Sequence(1), LogOffset(4096));
}

// The state that the golden checkpoint describes.
void fill(BrokerShard& shard) {
  Session& session = shard.sessions().create(shard, "meter-7");
  fill_session(shard, session);
  const std::string_view topic = "plant/1/temp";
  shard.publish({.flags = 2 | log::kRecordRetain | kRecordPublisherPersistent,
                 .packet_id = 7,
                 .topic_hash = protocol::topic_hash(TopicName::accepted(topic)),
                 .publisher = "meter-7",
                 .topic = topic,
                 .properties = core::as_bytes(kContentType),
                 .payload = core::as_bytes("21.5 C")});
  shard.publish_direct(session, *shard.retained().find(TopicName::accepted(topic)), QoS::kExactlyOnce, 0);
  shard.retained().apply(
      make_retained({.publisher = "c-1", .topic = "old"}, kWallUs - 1, log::LogPosition{LogId(2), 5, Sequence(77)}));
  Session& clean = shard.sessions().create(shard, "c-1");
  clean.will = std::make_unique<Will>(Will{"will/t", bytes_of("gone"), QoS::kAtLeastOnce, true, bytes_of("\1\1"), 5});
}

// What both versions say of it.
void expect_filled(BrokerShard& shard) {
  EXPECT_EQ(shard.sessions().size(), 1u);
  Session* const session = shard.sessions().find("meter-7");
  ASSERT_NE(session, nullptr);
  EXPECT_EQ(session->offline_since_us, 1'700'000'000'123'456);
  EXPECT_TRUE(std::ranges::equal(session->inbound, std::vector<uint16_t>{7, 0x1234}));
  EXPECT_TRUE(session->done.has_passed(LogId(1), kMessageAt));
  ASSERT_EQ(session->window_if_any()->size(), 2u);
  EXPECT_EQ(session->window_if_any()->find(PacketId(2))->state, DeliveryState::kReleased);
  ASSERT_EQ(session->subscriptions.size(), 1u);
  EXPECT_EQ(shard.filters().filter(session->subscriptions[0]->filter_slot).text(), "plant/+/temp");
  EXPECT_EQ(session->subscriptions[0]->terms.qos(), QoS::kExactlyOnce);
  EXPECT_EQ(session->own->queue.entries().end(), log::QueueIndex(1));
  EXPECT_EQ(core::as_text(shard.retained().find(TopicName::accepted("plant/1/temp"))->payload), "21.5 C");
  EXPECT_EQ(shard.retained().tombstones_count(), 1u);
  EXPECT_EQ(shard.next_arrival(), 3u);
}

std::string hex_without_log_places(std::vector<std::byte> checkpoint) {
  const auto from = checkpoint.begin() + kLogPlacesAt;
  checkpoint.erase(from, from + kLogPlacesBytes);
  checkpoint.resize(checkpoint.size() - kCheckpointTrailerBytes);
  return log::as_hex(checkpoint);
}

class CheckpointFileTest : public testing::Test {
 protected:
  // A second life finds this checkpoint beside the log of the first.
  core::Status restart_from(core::Bytes checkpoint) {
    disk.put(ShardOnDisk::checkpoint_path(0), checkpoint);
    disk.kill();
    life->shard.reset();
    life.reset();
    disk.restart();
    life = std::make_unique<ShardOnDisk>(world, disk);
    return life->start();
  }

  sim::SimWorld world{1};
  sim::WorldOnFailure on_failure{world};
  sim::SimStorage disk{world, {.latency_ns_min = 0, .latency_ns_max = 0}};  // time stands still
  std::unique_ptr<ShardOnDisk> life = std::make_unique<ShardOnDisk>(world, disk);
};

TEST_F(CheckpointFileTest, has_the_golden_bytes_of_version_2) {
  ASSERT_TRUE(life->start());
  fill(*life->shard);
  EXPECT_EQ(log::as_hex(life->checkpoint()), log::as_hex(log::golden_bytes("checkpoint_v2.hex")));
}

TEST_F(CheckpointFileTest, golden_bytes_of_version_1_are_read) {
  ASSERT_TRUE(life->start());
  fill(*life->shard);
  life->finish_log();
  ASSERT_TRUE(restart_from(log::golden_bytes("checkpoint_v1.hex")));
  expect_filled(*life->shard);
  EXPECT_EQ(life->shard->sessions().find("meter-7")->expiry_s, kExpiryByBroker);
  EXPECT_EQ(life->shard->sessions().find("meter-7")->subscriptions[0]->terms, SubscriptionTerms(QoS::kExactlyOnce));
}

TEST_F(CheckpointFileTest, golden_bytes_of_version_2_are_read) {
  const std::vector<std::byte> golden = log::golden_bytes("checkpoint_v2.hex");
  ASSERT_TRUE(life->start());
  fill(*life->shard);
  life->finish_log();
  ASSERT_TRUE(restart_from(golden));
  expect_filled(*life->shard);
  Session& session = *life->shard->sessions().find("meter-7");
  EXPECT_EQ(session.expiry_s, 3600u);
  EXPECT_EQ(session.subscriptions[0]->terms, SubscriptionTerms::from_option_bits(0x0a, 300));
  const RetainedPointer retained = life->shard->retained().find(TopicName::accepted("plant/1/temp"));
  EXPECT_EQ(core::as_text(retained->properties), kContentType);
  EXPECT_EQ(hex_without_log_places(life->checkpoint()), hex_without_log_places(golden)) << "and written the same again";
}

TEST_F(CheckpointFileTest, gives_its_body_back) {
  std::vector<std::byte> file;
  begin_checkpoint(file);
  const std::vector<std::byte> body = bytes_of("body");
  file.insert(file.end(), body.begin(), body.end());
  end_checkpoint(file);
  const auto opened = open_checkpoint(file);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(core::as_text(opened->bytes), "body");
}

TEST_F(CheckpointFileTest, every_flipped_bit_and_every_cut_is_found) {
  std::vector<std::byte> file = log::golden_bytes("checkpoint_v1.hex");
  for (size_t bit = 0; bit < file.size() * 8; ++bit) {
    file[bit / 8] ^= std::byte{1} << (bit % 8);
    EXPECT_FALSE(open_checkpoint(file)) << "bit " << bit;
    file[bit / 8] ^= std::byte{1} << (bit % 8);
  }
  for (size_t size = 0; size < file.size(); ++size)
    EXPECT_FALSE(open_checkpoint(core::Bytes(file).first(size))) << size;
}

TEST_F(CheckpointFileTest, a_damaged_one_is_an_error_that_names_the_file) {
  std::vector<std::byte> damaged = log::golden_bytes("checkpoint_v1.hex");
  damaged[100] ^= std::byte{1};
  const core::Status started = restart_from(damaged);
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().message.find(ShardOnDisk::checkpoint_path(0)), std::string::npos)
      << started.error().message;
}

TEST_F(CheckpointFileTest, a_file_that_is_not_there_is_none) {
  const auto read = read_whole_file(disk, "/data/layout-1/shard-0/checkpoint");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_FALSE(read->has_value());
}

TEST_F(CheckpointFileTest, a_longer_leftover_of_a_crash_does_not_show_in_the_next_one) {
  const std::string directory = ShardOnDisk::shard_directory(0);
  disk.put(directory + "/checkpoint.new", std::vector<std::byte>(100));
  ASSERT_TRUE(replace_file(disk, directory, "checkpoint", core::as_bytes("new")));
  EXPECT_EQ(core::as_text(disk.content(directory + "/checkpoint")), "new");
}

TEST_F(CheckpointFileTest, a_longer_leftover_that_cannot_be_removed_is_not_written_over) {
  ASSERT_TRUE(life->start());
  const std::string directory = ShardOnDisk::shard_directory(0);
  disk.put(directory + "/checkpoint", core::as_bytes("older"));
  disk.put(directory + "/checkpoint.new", std::vector<std::byte>(100));
  disk.plan_fault(sim::DiskAction::kRemove, 0, EIO);
  CheckpointWriter writer(disk, directory);
  writer.start(bytes_of("new"), life->shard->queue_file());
  while (!writer.step(true)) ASSERT_TRUE(world.step());
  EXPECT_FALSE(writer.succeeded());
  EXPECT_EQ(core::as_text(disk.content(directory + "/checkpoint")), "older");
}

TEST_F(CheckpointFileTest, is_the_old_or_the_new_one_whole_after_a_power_cut_at_any_step) {
  const std::string directory = ShardOnDisk::shard_directory(0);
  const std::string path = directory + "/checkpoint";
  const std::string older(5'000, 'o');
  const std::string newer(9'000, 'n');
  bool replaced = false;
  for (uint64_t steps = 0; !replaced; ++steps) {
    ASSERT_LT(steps, 100u);
    disk.put(path, core::as_bytes(older));
    disk.crash_after(steps);
    replaced = replace_file(disk, directory, "checkpoint", core::as_bytes(newer)).has_value() && !disk.halted();
    if (!disk.halted()) disk.crash();
    disk.restart();
    const std::vector<std::byte> content = disk.content(path);
    const std::string_view text = core::as_text(content);
    EXPECT_TRUE(text == newer || (text == older && !replaced)) << "after " << steps << " steps";
  }
}

}  // namespace
}  // namespace penstock::broker
