// LogUnderTest: one commit log and the model of what it was told, over several lives. It appends, reads back, stops and
// dies as the seed says, and compares; a difference fails the running test. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "log/commit_log.h"
#include "tests/sim/log_model.h"
#include "tests/sim/sim_storage.h"

namespace penstock::sim {

enum class Trouble : uint8_t { kNone, kWeakPolicy, kTorn, kBitFlips, kErrors, kFullDisk, kShortAndSlow };

// What came about over all seeds: a test in which nothing happened proves nothing.
struct Tally {
  uint64_t lives = 0, appended = 0, read_back = 0, cut = 0, damage = 0, lost_to_damage = 0, failed_logs = 0,
           disk_full = 0, tail_full = 0, room_returned = 0, failed_starts = 0, clean_stops = 0, retired = 0;
};

// One log and its model, over its lives.
class LogUnderTest final : public log::LogProgressHandler {
 public:
  LogUnderTest(SimWorld& world, SimStorage& storage, Trouble trouble, uint16_t id, Tally& tally);

  void on_log_progress() override;

  // False when the world failed in between; then the next life tries again.
  bool start();
  // One turn of a shard's loop.
  void turn();
  // A clean stop: everything that was appended is safe then.
  void finish();
  // The crash or kill came: what is owed from now on?
  void note_what_must_survive(bool killed);
  void destroy() { log_.reset(); }

  void flip_something();
  // The disk maps the bad sectors away; what was in them is gone.
  void replace_bad_sectors();

  void add_to_tally();
  // After the disk was full and has room again.
  void expect_room_returns();

 private:
  bool start_failed(const core::Error& error, const char* doing);
  uint64_t draw_payload_bytes();
  void append_some();
  void note_refusal(log::AppendRoom room);
  void check_watermarks();
  // Any record that is still there, as a reader of another shard would: from the tail, else from the segment files.
  void read_back();
  void read_back_from(const log::SegmentFile& segment, uint64_t sequence, const LogModel::Entry& entry);
  // A checkpoint was taken at some durable record: what lies before it may be retired.
  void move_checkpoint();

  SimWorld& world_;
  core::SeededRandom& random_;
  SimStorage& storage_;
  Trouble trouble_;
  Tally& tally_;
  log::LogOptions options_;
  LogModel model_;
  std::unique_ptr<log::CommitLog> log_;
  uint64_t keep_from_ = 0;
  uint64_t durable_end_ = 0;
  uint64_t synced_end_ = 0;  // of the last life that had one
  uint64_t begin_ = 0;
  uint64_t progress_ = 0;
  bool failed_ = false;
  uint64_t failed_durable_end_ = 0;
  bool damaged_ = false;
  bool holes_ = false;
  bool damaged_before_ = false;
};

}  // namespace penstock::sim
