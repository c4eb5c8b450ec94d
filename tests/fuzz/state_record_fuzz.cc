// State records, hostile ones with right checksums: first as payloads for each decoder, then as the log of a shard that
// restores itself from it. Laws: a payload that is accepted reads the same once it is written again; a shard either
// restores or says why not; and the checkpoint of what it restored is one that restores.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "broker/byte_codec.h"
#include "broker/state_records.h"
#include "core/check.h"
#include "tests/broker/shard_on_disk.h"

using namespace penstock;
using namespace penstock::broker;

namespace {

bool same(const Delivery& a, const Delivery& b) {
  return a.packet_id == b.packet_id && a.qos == b.qos && a.state == b.state && a.retain == b.retain && a.log == b.log &&
         a.offset == b.offset && a.sequence == b.sequence;
}

void check_decoders(core::Bytes payload) {
  if (const auto subscribed = decode_subscribed(payload)) {
    const std::vector<std::byte> bytes = encode_subscribed(subscribed->start, subscribed->filters);
    const auto again = decode_subscribed(bytes);
    CHECK(again && again->filters == subscribed->filters && again->start.entries() == subscribed->start.entries());
  }
  if (const auto unsubscribed = decode_unsubscribed(payload)) {
    const std::vector<std::byte> bytes = encode_unsubscribed(*unsubscribed);
    const auto again = decode_unsubscribed(bytes);
    CHECK(again && *again == *unsubscribed);
  }
  if (auto progress = decode_progress(payload)) {
    // Those that are done are written behind the others.
    std::vector<Delivery>& deliveries = progress->deliveries;
    const auto done = std::stable_partition(deliveries.begin(), deliveries.end(), [](const Delivery& delivery) {
      return delivery.state != DeliveryState::kDone;
    });
    InflightWindow window(UINT16_MAX);
    for (auto it = deliveries.begin(); it != done; ++it) window.restore(*it);
    const auto again =
        decode_progress(encode_progress(progress->presence, progress->done, &window, {done, deliveries.end()}));
    CHECK(again && again->presence == progress->presence && again->done.entries() == progress->done.entries());
    CHECK(std::equal(again->deliveries.begin(), again->deliveries.end(), deliveries.begin(), deliveries.end(), same));
  }
  if (const auto delivery = decode_delivery(payload)) {
    const auto again = decode_delivery(encode_delivery(*delivery));
    CHECK(again && same(*again, *delivery));
  }
}

// u8 type | u8 flags | u16 packet id | u8 publisher bytes | u8 topic bytes | u8 payload bytes | the three.
bool read_record(ByteReader& in, log::RecordParts& parts) {
  parts.type = in.integer<uint8_t>();
  parts.flags = in.integer<uint8_t>() & 0x7f;  // the highest bit is the log's
  parts.packet_id = in.integer<uint16_t>();
  const size_t publisher = in.integer<uint8_t>();
  const size_t topic = in.integer<uint8_t>();
  const size_t payload = in.integer<uint8_t>();
  core::Bytes& rest = in.rest();
  if (!in.ok() || rest.size() < publisher + topic + payload) return false;
  parts.publisher = core::as_text(rest.first(publisher));
  parts.topic = core::as_text(rest.subspan(publisher, topic));
  parts.payload = rest.subspan(publisher + topic, payload);
  rest = rest.subspan(publisher + topic + payload);
  return true;
}

struct NoHandler final : log::LogProgressHandler {
  void on_log_progress() override {}
};

void write_log(sim::SimWorld& world, sim::SimStorage& disk, core::Bytes input) {
  NoHandler handler;
  const log::LogOptions options = ShardOnDisk::only_shard().log;
  (void)disk.make_directories(options.directory);
  auto log = log::CommitLog::open(disk, world.clock(), options, {}, handler);
  CHECK(log.has_value());
  ByteReader reader(input);
  for (log::RecordParts parts; read_record(reader, parts);)
    if (parts.type != log::kEpochStart) (*log)->append(parts);
  bool done = false;
  (*log)->finish(done);
  disk.run_until(done);
}

void check_replay(core::Bytes input) {
  sim::SimWorld world(1);
  sim::SimStorage disk(world);
  write_log(world, disk, input);
  ShardOnDisk life(world, disk);
  if (!life.start()) return;
  CHECK(life.live_on().has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // A copy of exactly this size on the heap: ASan sees one byte too far.
  const std::vector<std::byte> copy(reinterpret_cast<const std::byte*>(data),
                                    reinterpret_cast<const std::byte*>(data) + size);
  check_decoders(copy);
  check_replay(copy);
  return 0;
}
