// LogHarness: a CommitLog on the simulated disk, beside a model of what was appended and what was acknowledged.
// Restarts it after crashes and tells in words where the two differ. One thread.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "log/commit_log.h"
#include "log/file_names.h"
#include "log/recovery.h"
#include "tests/sim/sim_storage.h"
#include "tests/sim/sim_world.h"

namespace penstock::log {

struct ModelRecord {
  uint64_t offset = 0;
  uint64_t end = 0;
  Epoch epoch = 0;
  std::string content;  // publisher, topic, properties and payload, with marks between them
};

inline std::string content_of(std::string_view publisher, std::string_view topic, core::Bytes properties,
                              core::Bytes payload) {
  std::string content(publisher);
  content.append("|").append(topic).append("|").append(core::as_text(properties)).append("|");
  return content.append(core::as_text(payload));
}

class LogHarness final : public LogProgressHandler {
 public:
  // `over`: a storage between the log and the simulated disk; null: none.
  LogHarness(sim::SimWorld& world, sim::SimStorage& disk, LogOptions options, core::Storage* over = nullptr)
      : world_(world), disk_(disk), storage_(over != nullptr ? *over : disk), options_(std::move(options)) {
    (void)disk_.make_directories(options_.directory);
    options_.report = [this](const std::string& line) { reports.push_back(line); };
  }

  // Recovers and opens. `violation` says what was promised and is not there.
  bool start() {
    std::vector<Seen> seen;
    auto recovered =
        recover_log(storage_, options_.directory, options_.id, LogOffset(0), [&](LogOffset offset, RecordView view) {
          seen.push_back(see(offset, view));
          return true;
        });
    if (!recovered) {
      if (!disk_.halted() && violation.empty() && !tolerate_errors)
        violation = "recovery: " + recovered.error().message;
      return false;
    }
    if (disk_.halted()) return false;  // it read nothing but errors
    last = *recovered;
    compare(seen);
    return open(last.start);
  }

  bool open(const CommitLog::Start& start) {
    auto opened = CommitLog::open(storage_, world_.clock(), options_, start, *this);
    if (!opened) {
      if (!disk_.halted() && !tolerate_errors) violation = "open: " + opened.error().message;
      return false;
    }
    log = std::move(*opened);
    acknowledged_end = log->durable_end().value();
    return true;
  }

  // The process is gone; what it had not acknowledged may be gone, too.
  void stop() { log.reset(); }

  AppendRoom append(std::string_view topic, std::string_view payload) {
    const RecordParts parts{
        .topic_hash = 7, .publisher = "publisher", .topic = topic, .payload = core::as_bytes(payload)};
    const AppendRoom room = log->room_for(record_bytes(parts));
    if (room != AppendRoom::kRoom) return room;
    const Appended at = log->append(parts);
    model[at.sequence.value()] = {at.offset.value(), at.end, log->epoch(),
                                  content_of(parts.publisher, parts.topic, parts.properties, parts.payload)};
    ++appended_count;
    return room;
  }

  // One turn of a shard: end_turn, then what the disk completes before the next one.
  void turn(uint64_t steps) {
    log->end_turn();
    for (uint64_t i = 0; i < steps && !disk_.halted(); ++i) {
      if (!world_.step()) break;
    }
    note_acknowledged();
  }

  // Until everything is durable, or the log has failed.
  bool settle() {
    for (int i = 0; i < 10'000 && log->durable_end() < log->appended_end() && !disk_.halted(); ++i) turn(4);
    return log->durable_end() == log->appended_end();
  }

  void note_acknowledged() {
    if (log != nullptr && !disk_.halted()) acknowledged_end = std::max(acknowledged_end, log->durable_end().value());
  }

  std::unique_ptr<CommitLog> log;
  std::map<uint64_t, ModelRecord> model;  // by sequence; of the messages
  uint64_t acknowledged_end = 0;
  uint64_t appended_count = 0;
  uint64_t recovered_count = 0;
  uint64_t progress_count = 0;
  RecoveredLog last;
  std::string violation;
  std::vector<std::string> reports;
  bool tolerate_errors = false;  // start() may fail: the disk does
  bool tolerate_loss = false;    // only where damage is reported

 private:
  struct Seen {
    uint64_t offset;
    uint64_t end;
    uint64_t sequence;
    Epoch epoch;
    RecordType type;
    std::string content;
  };

  static Seen see(LogOffset offset, RecordView view) {
    const RecordHeader& header = view.header();
    return {offset.value(),  offset.value() + padded_record_bytes(header.bytes),
            header.sequence, header.epoch,
            header.type,     content_of(view.publisher(), view.topic(), view.properties(), view.payload())};
  }

  void on_log_progress() override {
    ++progress_count;
    note_acknowledged();
  }

  void fail(const std::string& what) {
    if (!violation.empty()) return;
    violation = what;
    for (const Damage& damage : last.damage) {
      violation += "; " + damage.file + " at " + std::to_string(damage.file_offset) + ": " + damage.what;
    }
  }

  // Everything acknowledged is there, in order and with the same bytes; nothing is there that was never appended.
  void compare(const std::vector<Seen>& seen) {
    const bool lossy = tolerate_loss && !last.damage.empty();
    uint64_t previous = 0;
    std::map<uint64_t, const Seen*> by_sequence;
    for (const Seen& one : seen) {
      if (one.sequence <= previous) fail("sequence " + std::to_string(one.sequence) + " does not rise");
      if (previous != 0 && one.sequence != previous + 1 && !lossy) {
        fail("sequence " + std::to_string(previous + 1) + " is skipped");
      }
      previous = one.sequence;
      by_sequence[one.sequence] = &one;
      if (one.type == kEpochStart) continue;
      const auto found = model.find(one.sequence);
      if (found == model.end()) {
        fail("record " + std::to_string(one.sequence) + " was never appended");
      } else if (found->second.content != one.content || found->second.epoch != one.epoch ||
                 found->second.offset != one.offset) {
        fail("record " + std::to_string(one.sequence) + " is not the one that was appended");
      }
    }
    recovered_count += seen.size();
    for (const auto& [sequence, record] : model) {
      const bool promised = record.end <= acknowledged_end && record.offset >= last.begin.value();
      if (promised && !by_sequence.contains(sequence) && !lossy) {
        fail("record " + std::to_string(sequence) + " was acknowledged and is lost (its end " +
             std::to_string(record.end) + ", acknowledged " + std::to_string(acknowledged_end) + ")");
      }
    }
    if (!tolerate_loss) {
      for (const Damage& damage : last.damage) {
        if (!damage.torn_end) fail("damage where there is none: " + damage.file + ": " + damage.what);
      }
    }
    std::erase_if(model, [&](const auto& entry) { return !by_sequence.contains(entry.first); });
  }

  sim::SimWorld& world_;
  sim::SimStorage& disk_;
  core::Storage& storage_;
  LogOptions options_;
};

inline LogOptions small_log() {
  return {.directory = "/data/log-3",
          .id = LogId(3),
          .segment_bytes = 64u << 10,
          .tail_bytes = 256u << 10,
          .prewrite_bytes = 0};
}

}  // namespace penstock::log
