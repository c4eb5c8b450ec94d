// State records: their bytes on the disk, written through StateJournal, and what the decoders make of right and wrong
// ones.
#include "broker/state_records.h"

#include <gtest/gtest.h>

#include "broker/byte_codec.h"
#include "log/segment_format.h"
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

LogClock golden_clock() {
  LogClock clock;
  clock.advance(LogId(1), Sequence(0x0102030405060708), LogOffset(0x1112131415161718));
  clock.advance(LogId(0x0201), Sequence(3), LogOffset(4096));
  return clock;
}

Delivery golden_delivery(QoS qos, DeliveryState state) {
  return {.packet_id = PacketId(0x0102),
          .qos = qos,
          .state = state,
          .retain = qos == QoS::kExactlyOnce,
          .log = LogId(qos == QoS::kExactlyOnce ? 0x0201 : 1),
          .offset = LogOffset(0x2122232425262728),
          .sequence = Sequence(0x3132333435363738)};
}

Delivery second_delivery() {
  return {.packet_id = PacketId(3),
          .qos = QoS::kExactlyOnce,
          .state = DeliveryState::kReleasing,
          .retain = true,
          .log = LogId(2),
          .offset = LogOffset(4096),
          .sequence = Sequence(9)};
}

// Complete, though the clock has not come to it.
Delivery completed_ahead() {
  return {.packet_id = PacketId(5),
          .qos = QoS::kExactlyOnce,
          .state = DeliveryState::kDone,
          .log = LogId(2),
          .offset = LogOffset(8192),
          .sequence = Sequence(10)};
}

void expect_same(const Delivery& seen, const Delivery& wanted) {
  EXPECT_EQ(seen.packet_id, wanted.packet_id);
  EXPECT_EQ(seen.qos, wanted.qos);
  EXPECT_EQ(seen.state, wanted.state);
  EXPECT_EQ(seen.retain, wanted.retain);
  EXPECT_EQ(seen.shared, wanted.shared);
  EXPECT_EQ(seen.log, wanted.log);
  EXPECT_EQ(seen.offset, wanted.offset);
  EXPECT_EQ(seen.sequence, wanted.sequence);
}

constexpr std::string_view kTopic = "plant/1/temp";
constexpr std::string_view kPayload = "21.5 C";
const GrantedFilter kGranted[] = {{"plant/+/temp", SubscriptionTerms(QoS::kExactlyOnce)},
                                  {"#", SubscriptionTerms(QoS::kAtMostOnce)}};
constexpr std::string_view kEnded[] = {"plant/+/temp", "a/b"};

class StateRecordsTest : public testing::Test {
 protected:
  // All types, in the order of the golden file.
  void write_all(BrokerShard& shard) {
    Session& session = shard.sessions().create(shard, "meter-7");
    session.persistent = true;
    session.done = golden_clock();
    session.window(10).push(golden_delivery(QoS::kAtLeastOnce, DeliveryState::kPublished));
    session.window(10).push({.packet_id = PacketId(2), .state = DeliveryState::kDone});  // is left out
    session.window(10).push(second_delivery());
    session.started_ahead = {completed_ahead()};
    const uint32_t topic_hash = protocol::topic_hash(protocol::TopicName::accepted(kTopic));
    shard.log().append({.flags = 2 | log::kRecordRetain | kRecordPublisherPersistent,
                        .packet_id = 0x1234,
                        .topic_hash = topic_hash,
                        .publisher = "meter-7",
                        .topic = kTopic,
                        .payload = core::as_bytes(kPayload)});
    const RetainedPointer retained = make_retained({.topic = kTopic, .payload = core::as_bytes(kPayload)}, 0, {});
    shard.publish_direct(session, *retained, QoS::kExactlyOnce, 0);
    StateJournal& journal = shard.journal();
    journal.session_opened(session, false);
    journal.session_ended(session);
    journal.subscribed(session, golden_clock(), kGranted);
    journal.unsubscribed(session, kEnded);
    const std::vector<std::byte> progress =
        encode_progress(Presence::kOnline, session.done, session.window_if_any(), session.completed_ahead());
    shard.log().append({.type = static_cast<log::RecordType>(StateRecord::kSessionProgress),
                        .publisher = "meter-7",
                        .payload = progress});
    journal.delivery_started(session, golden_delivery(QoS::kExactlyOnce, DeliveryState::kStarting));
    journal.delivery_released(session, PacketId(0x0102));
    journal.inbound_released(session, PacketId(0x0304));
    const core::Bytes gone = core::as_bytes("gone");
    journal.will_set(session, {"will/t", {gone.begin(), gone.end()}, QoS::kAtLeastOnce, true});
    const uint64_t end = journal.will_cleared("meter-7");
    EXPECT_EQ(end, shard.log().appended_end().value()) << "one past its record";
  }

  sim::SimWorld world{1};
  sim::WorldOnFailure on_failure{world};
  sim::SimStorage disk{world, {.latency_ns_min = 0, .latency_ns_max = 0}};  // time stands still
  ShardOnDisk life{world, disk};
};

TEST_F(StateRecordsTest, all_types_have_the_golden_bytes_of_version_1) {
  ASSERT_TRUE(life.start());
  write_all(*life.shard);
  life.finish_log();
  const std::vector<std::byte> golden = log::golden_bytes("state_records_v1.hex");
  const std::vector<std::byte> segment =
      disk.content(log::path_in(ShardOnDisk::kLogDirectory, log::segment_file_name(Sequence(1))));
  ASSERT_GT(segment.size(), log::kSegmentHeaderBytes + golden.size());
  EXPECT_EQ(log::as_hex(core::Bytes(segment).subspan(log::kSegmentHeaderBytes, golden.size())), log::as_hex(golden));
  EXPECT_EQ(life.shard->log().appended_end().value(), log::kSegmentHeaderBytes + golden.size());
}

TEST_F(StateRecordsTest, golden_bytes_of_version_1_are_read) {
  const std::vector<std::byte> golden = log::golden_bytes("state_records_v1.hex");
  std::string names;
  for (size_t at = 0; at < golden.size();) {
    ASSERT_EQ(log::check_record(golden.data() + at, golden.size() - at), log::RecordCheck::kValid) << "at " << at;
    const log::RecordView record(golden.data() + at);
    names += std::string(record_type_name(record.header().type)) + "|";
    at += log::padded_record_bytes(record.header().bytes);
    switch (static_cast<StateRecord>(record.header().type)) {
      case StateRecord::kSubscribed: {
        const auto state = decode_subscribed(record.payload());
        ASSERT_TRUE(state);
        EXPECT_EQ(state->start.entries(), golden_clock().entries());
        EXPECT_TRUE(std::ranges::equal(state->filters, kGranted));
        break;
      }
      case StateRecord::kUnsubscribed: {
        const auto filters = decode_unsubscribed(record.payload());
        ASSERT_TRUE(filters);
        EXPECT_TRUE(std::ranges::equal(*filters, kEnded));
        break;
      }
      case StateRecord::kSessionProgress: {
        const auto state = decode_progress(record.payload());
        ASSERT_TRUE(state);
        EXPECT_EQ(state->presence, Presence::kOnline);
        EXPECT_EQ(state->done.entries(), golden_clock().entries());
        ASSERT_EQ(state->deliveries.size(), 3u);
        expect_same(state->deliveries[0], golden_delivery(QoS::kAtLeastOnce, DeliveryState::kPublished));
        expect_same(state->deliveries[1], second_delivery());
        expect_same(state->deliveries[2], completed_ahead());
        break;
      }
      case StateRecord::kDeliveryStarted: {
        const auto delivery = decode_delivery(record.payload());
        ASSERT_TRUE(delivery);
        expect_same(*delivery, golden_delivery(QoS::kExactlyOnce, DeliveryState::kStarting));
        EXPECT_EQ(record.header().packet_id, 0x0102);
        break;
      }
      default:
        break;
    }
  }
  EXPECT_EQ(names,
            "epoch start|message|direct message|session opened|session ended|subscribed|unsubscribed|session "
            "progress|delivery started|delivery released|inbound released|will set|will cleared|");
}

// What MQTT 5.0 has brought; in the order of the golden file.
const GrantedFilter kGrantedWithTerms[] = {{"plant/+/temp", SubscriptionTerms::from_option_bits(0x0a, 300)},
                                           {"#", SubscriptionTerms::from_option_bits(0x04, 300)}};

void write_mqtt5(BrokerShard& shard) {
  Session& session = shard.sessions().create(shard, "meter-7");
  session.persistent = true;
  session.done = golden_clock();
  session.expiry_s = 3600;
  shard.journal().session_opened(session, true);
  shard.journal().subscribed(session, golden_clock(), kGrantedWithTerms);
  session.expiry_s = 60;
  shard.journal().session_expiry(session);
  const core::Bytes gone = core::as_bytes("gone");
  const core::Bytes content_type = core::as_bytes(std::string_view("\x03\0\x01x", 4));
  shard.journal().will_set(session, {.topic = "will/t",
                                     .payload = {gone.begin(), gone.end()},
                                     .qos = QoS::kAtLeastOnce,
                                     .retain = true,
                                     .properties = {content_type.begin(), content_type.end()},
                                     .delay_s = 5});
}

TEST_F(StateRecordsTest, what_mqtt_5_has_brought_has_the_golden_bytes_of_version_2) {
  ASSERT_TRUE(life.start());
  write_mqtt5(*life.shard);
  life.finish_log();
  const std::vector<std::byte> golden = log::golden_bytes("state_records_v2.hex");
  const std::vector<std::byte> segment =
      disk.content(log::path_in(ShardOnDisk::kLogDirectory, log::segment_file_name(Sequence(1))));
  ASSERT_GT(segment.size(), log::kSegmentHeaderBytes + golden.size());
  EXPECT_EQ(log::as_hex(core::Bytes(segment).subspan(log::kSegmentHeaderBytes, golden.size())), log::as_hex(golden));
}

TEST_F(StateRecordsTest, golden_bytes_of_version_2_are_read) {
  const std::vector<std::byte> golden = log::golden_bytes("state_records_v2.hex");
  int seen = 0;
  for (size_t at = 0; at < golden.size();) {
    ASSERT_EQ(log::check_record(golden.data() + at, golden.size() - at), log::RecordCheck::kValid) << "at " << at;
    const log::RecordView record(golden.data() + at);
    at += log::padded_record_bytes(record.header().bytes);
    switch (static_cast<StateRecord>(record.header().type)) {
      case StateRecord::kSessionOpened:
        EXPECT_EQ(decode_opened(record.payload())->expiry_s, 3600u);
        EXPECT_EQ(decode_opened(record.payload())->passed.entries(), golden_clock().entries());
        ++seen;
        break;
      case StateRecord::kSubscribed:
        EXPECT_TRUE(std::ranges::equal(decode_subscribed(record.payload())->filters, kGrantedWithTerms));
        ++seen;
        break;
      case StateRecord::kSessionExpiry:
        EXPECT_EQ(decode_expiry(record.payload()), 60u);
        ++seen;
        break;
      case StateRecord::kWillSet: {
        const Will will = decode_will(record);
        EXPECT_EQ(will.delay_s, 5u);
        EXPECT_EQ(core::as_text(will.properties), std::string_view("\x03\0\x01x", 4));
        EXPECT_EQ(core::as_text(will.payload), "gone");
        ++seen;
        break;
      }
      default:
        break;
    }
  }
  EXPECT_EQ(seen, 4);
}

TEST_F(StateRecordsTest, payloads_that_are_cut_short_are_refused) {
  InflightWindow window(10);
  window.push(second_delivery());
  const auto refuses_cuts = [](const std::vector<std::byte>& whole, auto decode) {
    EXPECT_TRUE(decode(whole).has_value());
    for (size_t size = 0; size < whole.size(); ++size)
      EXPECT_FALSE(decode(core::Bytes(whole).first(size)).has_value()) << size;
  };
  const auto opened = [](core::Bytes payload) { return payload.empty() ? std::nullopt : decode_opened(payload); };
  refuses_cuts(encode_opened(kExpiryByBroker, golden_clock()), opened);
  refuses_cuts(encode_subscribed(golden_clock(), kGranted), decode_subscribed);
  refuses_cuts(encode_subscribed(golden_clock(), kGrantedWithTerms), decode_subscribed);
  refuses_cuts(encode_expiry(60), decode_expiry);
  refuses_cuts(encode_unsubscribed(kEnded), decode_unsubscribed);
  refuses_cuts(encode_progress(Presence::kOffline, golden_clock(), &window), decode_progress);
  refuses_cuts(encode_delivery(second_delivery()), decode_delivery);
}

TEST_F(StateRecordsTest, versions_that_nobody_wrote_yet_are_refused) {
  std::vector<std::byte> subscribed = encode_subscribed({}, kGranted);
  std::vector<std::byte> unsubscribed = encode_unsubscribed(kEnded);
  std::vector<std::byte> progress = encode_progress(Presence::kOnline, {}, nullptr);
  std::vector<std::byte> delivery = encode_delivery(second_delivery());
  subscribed[0] = unsubscribed[0] = progress[0] = delivery[0] = std::byte{3};
  EXPECT_FALSE(decode_subscribed(subscribed));
  EXPECT_FALSE(decode_unsubscribed(unsubscribed));
  EXPECT_FALSE(decode_progress(progress));
  EXPECT_FALSE(decode_delivery(delivery));
}

TEST_F(StateRecordsTest, values_that_cannot_be_are_refused) {
  std::vector<std::byte> subscribed = encode_subscribed({}, kGranted);
  subscribed[9] = std::byte{3};  // behind version, empty clock and count
  EXPECT_FALSE(decode_subscribed(subscribed)) << "QoS 3";
  const auto with = [](size_t at, uint8_t value) {
    std::vector<std::byte> delivery = encode_delivery(second_delivery());
    delivery[at] = std::byte{value};
    return decode_delivery(delivery).has_value();
  };
  std::vector<std::byte> progress = encode_progress(Presence::kOnline, {}, nullptr);
  progress[1] = std::byte{2};
  ASSERT_TRUE(decode_progress(progress));
  EXPECT_EQ(decode_progress(progress)->presence, Presence::kOfflineSinceCrash);
  progress[1] = std::byte{3};
  EXPECT_FALSE(decode_progress(progress)) << "a presence that nobody wrote yet";
  EXPECT_TRUE(with(1, 4));
  EXPECT_FALSE(with(1, 0)) << "packet id 0";
  EXPECT_FALSE(with(3, 3)) << "QoS 3";
  EXPECT_FALSE(with(3, 0)) << "QoS 0 has no delivery that could be unfinished";
  EXPECT_FALSE(with(4, 5)) << "a state that nobody wrote yet";
  EXPECT_FALSE(with(4, 255));
  EXPECT_FALSE(with(5, 4)) << "a flag that nobody wrote yet";
  EXPECT_FALSE(with(8, 4)) << "no record begins there";
}

TEST_F(StateRecordsTest, counts_larger_than_what_is_there_are_refused_before_anything_is_reserved) {
  std::vector<std::byte> payload;
  ByteWriter writer(payload);
  writer.integer(uint8_t{1});
  writer.integer(UINT32_MAX);
  payload.resize(payload.size() + 100);
  EXPECT_FALSE(decode_subscribed(payload));
  EXPECT_FALSE(decode_unsubscribed(payload));
  payload.insert(payload.begin() + 1, std::byte{1});
  EXPECT_FALSE(decode_progress(payload));
}

TEST_F(StateRecordsTest, unknown_types_have_no_name) {
  EXPECT_EQ(record_type_name(0), nullptr);
  EXPECT_EQ(record_type_name(27), nullptr);
  EXPECT_STREQ(record_type_name(log::kMessage), "message");
}

}  // namespace
}  // namespace penstock::broker
