// Checkpoints, hostile ones with right checksums: a shard restores from the input, beside an empty log, a log that goes
// on behind it, or the checkpoint of a second shard. Laws: any bytes end in a restored shard or in an error; and the
// checkpoint of what was restored is one that restores.
#include <cstdint>
#include <vector>

#include "core/check.h"
#include "core/diagnostics.h"
#include "tests/broker/shard_on_disk.h"

using namespace penstock;
using namespace penstock::broker;

namespace {

// What the first byte of the input asks for; the others are the body.
constexpr uint8_t kWithLog = 1;
constexpr uint8_t kTwoCheckpoints = 2;
// In the body.
constexpr size_t kIndexAt = 0;
constexpr size_t kLogIdAt = 4;

struct NoHandler final : log::LogProgressHandler {
  void on_log_progress() override {}
};

// A log of three records: the epoch's, a message, a session.
void write_log(sim::SimWorld& world, sim::SimStorage& disk) {
  NoHandler handler;
  const log::LogOptions options = ShardOnDisk::only_shard().log;
  (void)disk.make_directories(options.directory);
  auto log = log::CommitLog::open(disk, world.clock(), options, {}, handler);
  CHECK(log.has_value());
  (*log)->append({.flags = 1, .publisher = "p", .topic = "a/b", .payload = core::as_bytes("x")});
  (*log)->append({.type = static_cast<log::RecordType>(StateRecord::kSessionOpened), .publisher = "c"});
  bool done = false;
  (*log)->finish(done);
  disk.run_until(done);
}

std::vector<std::byte> with_checksum(core::Bytes body) {
  std::vector<std::byte> file;
  begin_checkpoint(file);
  file.insert(file.end(), body.begin(), body.end());
  end_checkpoint(file);
  return file;
}

// The same state as that of a second shard with a log of its own, whose sessions come to this one.
std::vector<std::byte> of_second_shard(core::Bytes body) {
  std::vector<std::byte> bytes(body.begin(), body.end());
  if (bytes.size() > kLogIdAt) {
    bytes[kIndexAt] ^= std::byte{1};
    bytes[kLogIdAt] ^= std::byte{3};
  }
  return bytes;
}

void check_restore(uint8_t mode, core::Bytes body) {
  sim::SimWorld world(1);
  sim::SimStorage disk(world);
  ShardPlace place = ShardOnDisk::only_shard();
  if ((mode & kWithLog) != 0) write_log(world, disk);
  disk.put(ShardOnDisk::checkpoint_path(0), with_checksum(body));
  if ((mode & kTwoCheckpoints) != 0) {
    place.checkpoints.push_back(ShardOnDisk::checkpoint_path(1));
    disk.put(place.checkpoints.back(), with_checksum(of_second_shard(body)));
    place.all_logs.push_back(log::LogId(2));
    (void)disk.make_directories("/data/log-2");
  }
  ShardOnDisk life(world, disk, place);
  if (!life.start()) return;
  CHECK(life.live_on().has_value());
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  core::set_log_level(core::LogLevel{UINT8_MAX});  // what is wrong with each input would be thousands of lines
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // A copy of exactly this size on the heap: ASan sees one byte too far.
  const std::vector<std::byte> copy(reinterpret_cast<const std::byte*>(data),
                                    reinterpret_cast<const std::byte*>(data) + size);
  (void)open_checkpoint(copy);
  if (!copy.empty()) check_restore(std::to_integer<uint8_t>(copy[0]), core::Bytes(copy).subspan(1));
  return 0;
}
