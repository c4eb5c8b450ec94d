// LogModel: what a CommitLog was told, and so what it may and must give back after a crash. The second opinion: it
// knows nothing of files, only sequences, epochs, contents and which of them were acknowledged.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/random.h"
#include "log/commit_log.h"
#include "log/record_format.h"
#include "log/recovery.h"

namespace penstock::sim {

// The parts of a record that can be made again from two numbers.
class MadeRecord {
 public:
  MadeRecord(uint64_t seed, uint64_t payload_bytes);
  log::RecordParts parts() const;
  uint64_t bytes() const { return log::record_bytes(parts()); }

 private:
  uint64_t seed_;
  std::string publisher_;
  std::string topic_;
  std::vector<std::byte> properties_;
  std::vector<std::byte> payload_;
};

class LogModel {
 public:
  struct Entry {
    log::Epoch epoch = 0;
    bool epoch_start = false;
    uint64_t seed = 0;
    uint64_t payload_bytes = 0;
    uint64_t offset = UINT64_MAX;  // where append said it lies; unknown when a crash came within open()
    uint64_t end = UINT64_MAX;
    bool must_survive = false;
    bool retired = false;
  };
  // What may have happened to this log since the last recovery.
  struct Circumstances {
    bool damaged_at_rest = false;  // bits flipped, sectors unreadable
    bool damaged_before = false;   // or holed, in an earlier life: it is reported again, and lost nothing more
    bool may_have_holes = false;   // a power cut, under a policy that had not synced everything: any part may be gone
    uint64_t keep_from = 0;        // retention must not pass it
    uint64_t visited_from = 0;     // recovery was told to visit from there
  };

  void appended(log::Sequence sequence, Entry entry);
  // Everything that ends at or before `end` must survive from now on.
  void acknowledged(uint64_t end);

  // A power cut came, and nothing that ends behind `end` had been synced.
  void may_be_lost(uint64_t end);
  // Retention gave up what lies before `begin`. Some of it may still be found.
  void retired(uint64_t begin);

  // Between begin_recovery() and end_recovery() each visited record. Failures are test failures.
  void begin_recovery(const Circumstances& circumstances);
  void visited(log::LogOffset offset, log::RecordView record);
  void end_recovery(const log::RecoveredLog& recovered);

  // Fails unless the bytes are the record with this sequence.
  void check_content(uint64_t sequence, log::RecordView record) const;

  const std::map<uint64_t, Entry>& entries() const { return entries_; }
  uint64_t damage_reports() const { return damage_reports_; }
  uint64_t lost_to_damage() const { return lost_to_damage_; }
  uint64_t cut() const { return cut_; }

 private:
  std::map<uint64_t, Entry> entries_;  // by sequence
  std::map<uint64_t, Entry> seen_;
  Circumstances circumstances_;
  int64_t last_wall_us_ = 0;
  uint64_t last_offset_ = 0;
  uint64_t damage_reports_ = 0;
  uint64_t lost_to_damage_ = 0;
  uint64_t cut_ = 0;
};

}  // namespace penstock::sim
