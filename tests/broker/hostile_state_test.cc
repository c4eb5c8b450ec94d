// Checkpoints and records with right checksums and a content that no broker has written: a start ends in an error.
#include <gtest/gtest.h>

#include <functional>

#include "broker/byte_codec.h"
#include "tests/broker/shard_on_disk.h"
#include "tests/sim/world_on_failure.h"

namespace penstock::broker {
namespace {

using Write = std::function<void(ByteWriter&)>;

// What a test changes of a checkpoint that is right otherwise.
struct Body {
  uint16_t shard = 0;
  uint16_t log = 1;
  uint32_t epoch = 1;
  uint64_t next_sequence = 2;
  uint64_t end = 4096 + 56;
  int64_t wall_us = 1'700'000'000'000'000;
  uint64_t next_arrival = 1;
  uint64_t next_page = 0;
  std::vector<Write> sessions, wills, retained, filters;
};

std::vector<std::byte> checkpoint_of(const Body& body) {
  std::vector<std::byte> bytes;
  begin_checkpoint(bytes);
  ByteWriter writer(bytes);
  writer.integer(body.shard);
  writer.integer(uint16_t{1});
  writer.integer(body.log);
  writer.integer(body.epoch);
  writer.integer(body.next_sequence);
  writer.integer(body.end);
  writer.integer(body.wall_us);
  writer.integer(uint32_t{0});  // clock
  writer.integer(body.next_arrival);
  writer.integer(body.next_page);
  for (const auto* list : {&body.sessions, &body.wills, &body.retained, &body.filters}) {
    writer.integer(static_cast<uint32_t>(list->size()));
    for (const Write& write : *list) write(writer);
  }
  writer.integer(uint32_t{0});  // parent topics
  end_checkpoint(bytes);
  return bytes;
}

Write session(std::string client_id, std::string filter = "a/b", int64_t offline_since_us = 0, uint16_t inbound = 1) {
  return [=](ByteWriter& writer) {
    writer.text(client_id);
    writer.integer(uint8_t{0});
    writer.integer(offline_since_us);
    writer.integer(kExpiryByBroker);
    writer.integer(uint32_t{0});  // clock
    writer.integer(uint32_t{0});  // deliveries
    writer.integer(uint32_t{1});
    writer.integer(inbound);
    writer.integer(uint32_t{1});
    writer.text(filter);
    writer.integer(uint8_t{1});
    writer.integer(uint32_t{0});  // identifier
    writer.integer(uint64_t{0});
    writer.integer(uint32_t{0});  // clock
    writer.integer(uint8_t{0});   // no queue of its own
  };
}

Write filter(std::string text) {
  return [=](ByteWriter& writer) {
    writer.text(text);
    std::vector<std::byte> image;
    log::ConsumeQueue(1, nullptr).serialize(image);
    writer.bytes(image);
  };
}

Write will(std::string topic) {
  return [=](ByteWriter& writer) {
    writer.text("c");
    writer.text(topic);
    writer.text("payload");
    writer.integer(uint8_t{1});
    writer.integer(uint8_t{0});
    writer.integer(uint32_t{0});  // delay
    writer.text("");              // properties
  };
}

Write retained(std::string topic, int64_t wall_us) {
  return [=](ByteWriter& writer) {
    writer.text(topic);
    writer.text("c");
    writer.text("payload");
    writer.integer(uint8_t{1});
    writer.integer(wall_us);
    writer.integer(uint16_t{1});
    writer.integer(uint32_t{1});
    writer.integer(uint64_t{1});
    writer.text("");  // properties
  };
}

class HostileStateTest : public testing::Test {
 protected:
  core::Status restore(const std::vector<Body>& bodies) {
    sim::SimStorage disk(world);
    ShardPlace place = ShardOnDisk::only_shard();
    place.checkpoints.clear();
    for (size_t i = 0; i < bodies.size(); ++i) {
      place.checkpoints.push_back(ShardOnDisk::checkpoint_path(static_cast<int>(i)));
      disk.put(place.checkpoints.back(), checkpoint_of(bodies[i]));
    }
    ShardOnDisk life(world, disk, place);
    return life.start();
  }
  bool restores(const Body& body) { return restore({body}).has_value(); }
  // A log that holds this one record.
  bool replays(const log::RecordParts& parts) {
    sim::SimStorage disk(world);
    ShardOnDisk writer(world, disk);
    EXPECT_TRUE(writer.start());
    writer.shard->log().append({.type = static_cast<log::RecordType>(StateRecord::kSessionOpened), .publisher = "c"});
    writer.shard->log().append(parts);
    writer.finish_log();
    disk.kill();
    writer.shard.reset();
    disk.restart();
    return ShardOnDisk(world, disk).start().has_value();
  }

  sim::SimWorld world{1};
  sim::WorldOnFailure on_failure{world};
};

TEST_F(HostileStateTest, what_a_broker_writes_is_restored) {
  EXPECT_TRUE(restores({}));
  EXPECT_TRUE(restores({.sessions = {session("c"), session("d", "+/#")},
                        .wills = {will("w")},
                        .retained = {retained("r", 1)},
                        .filters = {filter("a/b"), filter("+/#")}}));
  EXPECT_TRUE(restore({Body{}, Body{.shard = 1, .log = 2, .sessions = {session("c")}}}));
}

TEST_F(HostileStateTest, numbers_from_which_nothing_could_go_on_are_refused) {
  EXPECT_FALSE(restores({.epoch = UINT32_MAX}));
  EXPECT_FALSE(restores({.next_sequence = 0}));
  EXPECT_FALSE(restores({.next_sequence = UINT64_MAX}));
  EXPECT_FALSE(restores({.end = 4097}));
  EXPECT_FALSE(restores({.end = UINT64_MAX - 7}));
  EXPECT_FALSE(restores({.wall_us = INT64_MAX}));
  EXPECT_FALSE(restores({.wall_us = -1}));
  EXPECT_FALSE(restores({.next_arrival = uint64_t{1} << 48}));
  EXPECT_FALSE(restores({.next_page = uint64_t{1} << 60}));
}

TEST_F(HostileStateTest, sessions_that_cannot_be_are_refused) {
  EXPECT_FALSE(restores({.sessions = {session("c"), session("c")}})) << "two of one client id";
  EXPECT_FALSE(restores({.sessions = {session("")}}));
  EXPECT_FALSE(restores({.sessions = {session(std::string(65'536, 'c'))}}));
  EXPECT_FALSE(restores({.sessions = {session("c", "a/#/b")}}));
  EXPECT_FALSE(restores({.sessions = {session("c", std::string(65'536, 'f'))}}));
  EXPECT_FALSE(restores({.sessions = {session("c", "a", INT64_MIN)}}));
  EXPECT_FALSE(restores({.sessions = {session("c", "a", 0, 0)}})) << "packet id 0";
}

TEST_F(HostileStateTest, messages_and_filters_that_cannot_be_are_refused) {
  EXPECT_FALSE(restores({.wills = {will("a/+")}}));
  EXPECT_FALSE(restores({.retained = {retained("", 1)}}));
  EXPECT_FALSE(restores({.retained = {retained("a/#", 1)}}));
  EXPECT_FALSE(restores({.retained = {retained("a", INT64_MIN)}}));
  EXPECT_FALSE(restores({.filters = {filter("#/a")}}));
  EXPECT_FALSE(restores({.filters = {filter("a"), filter("a")}})) << "two queues of one filter";
}

TEST_F(HostileStateTest, two_checkpoints_of_one_shard_or_one_log_are_refused) {
  EXPECT_FALSE(restore({Body{}, Body{.log = 2}}));
  EXPECT_FALSE(restore({Body{}, Body{.shard = 1}}));
}

TEST_F(HostileStateTest, records_that_no_broker_has_written_are_refused) {
  const auto type = [](StateRecord record) { return static_cast<log::RecordType>(record); };
  const auto subscribes = [&](std::string_view filter) {
    const GrantedFilter granted[] = {{"a", SubscriptionTerms(protocol::QoS::kAtLeastOnce)},
                                     {filter, SubscriptionTerms(protocol::QoS::kAtMostOnce)}};
    const std::vector<std::byte> payload = encode_subscribed({}, granted);
    return replays({.type = type(StateRecord::kSubscribed), .publisher = "c", .payload = payload});
  };
  EXPECT_TRUE(subscribes("b"));
  EXPECT_FALSE(subscribes("#/a"));
  EXPECT_FALSE(subscribes(""));
  EXPECT_FALSE(replays({.type = type(StateRecord::kSubscribed), .publisher = "c"})) << "no payload";
  const std::string_view ended[] = {"a", "#/a"};
  const std::vector<std::byte> unsubscribed = encode_unsubscribed(ended);
  EXPECT_FALSE(replays({.type = type(StateRecord::kUnsubscribed), .publisher = "c", .payload = unsubscribed}));
  EXPECT_FALSE(replays({.type = type(StateRecord::kSessionProgress), .publisher = "c"}));
  EXPECT_FALSE(replays({.type = type(StateRecord::kDeliveryStarted), .publisher = "c"}));
  EXPECT_FALSE(replays({.type = type(StateRecord::kSessionOpened)})) << "nobody's";
  EXPECT_FALSE(replays({.type = type(StateRecord::kWillSet), .publisher = "c", .topic = "w/+"}));
  EXPECT_FALSE(replays({.flags = 3, .publisher = "c", .topic = "a"})) << "QoS 3";
  EXPECT_FALSE(replays({.flags = log::kRecordRetain, .publisher = "c", .topic = "a/#"}));
}

}  // namespace
}  // namespace penstock::broker
