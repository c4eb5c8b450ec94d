#include "tests/sim/log_under_test.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "log/recovery.h"

namespace penstock::sim {

using log::AppendRoom;
using log::CommitLog;
using log::Durability;

LogUnderTest::LogUnderTest(SimWorld& world, SimStorage& storage, Trouble trouble, uint16_t id, Tally& tally)
    : world_(world), random_(world.random()), storage_(storage), trouble_(trouble), tally_(tally) {
  options_.id = log::LogId(id);
  options_.directory = "/data/log-" + std::to_string(id);
  options_.segment_bytes = 4096 * (2 + random_.below(30));
  options_.tail_bytes = uint64_t{64 << 10} << random_.below(4);
  options_.prewrite_bytes = 4096 * random_.below(20);
  if (trouble == Trouble::kWeakPolicy)
    options_.durability = random_.chance(1, 2) ? Durability::kMemory : Durability::kWrite;
  if (random_.chance(1, 3)) options_.retention_us = 50'000;
  if (random_.chance(1, 3)) options_.retention_bytes = options_.segment_bytes * 3;
  EXPECT_TRUE(storage_.make_directories(options_.directory));
}

void LogUnderTest::on_log_progress() {
  ++progress_;
  if (log_ && !storage_.halted() && random_.chance(1, 8)) append_some();
}

bool LogUnderTest::start() {
  ++tally_.lives;
  const bool whole = keep_from_ == 0 || random_.chance(1, 2);
  const uint64_t from = whole ? 0 : keep_from_;
  // An I/O error while it reads is as good as damage, if it is reported.
  const bool unreadable = damaged_ || storage_.faults.read_error > 0;
  model_.begin_recovery({.damaged_at_rest = unreadable,
                         .damaged_before = damaged_before_,
                         .may_have_holes = holes_,
                         .keep_from = keep_from_,
                         .visited_from = from});
  const auto recovered = log::recover_log(storage_, options_.directory, options_.id, log::LogOffset(from),
                                          [&](log::LogOffset offset, log::RecordView record) {
                                            model_.visited(offset, record);
                                            return !testing::Test::HasFatalFailure();
                                          });
  if (!recovered.has_value()) return start_failed(recovered.error(), "recovery");
  if (storage_.halted()) return ++tally_.failed_starts, false;  // the end of its reads says nothing
  model_.end_recovery(*recovered);
  if (testing::Test::HasFailure()) return false;
  damaged_before_ = damaged_before_ || damaged_ || holes_ || trouble_ == Trouble::kErrors;
  damaged_ = damaged_ && !whole;  // what was not visited shows later
  holes_ = false;
  CommitLog::Start begin = recovered->start;
  auto opened = CommitLog::open(storage_, world_.clock(), options_, begin, *this);
  if (!opened.has_value()) {
    // Whether its first record got to the disk, the next life sees.
    model_.appended(begin.next_sequence, {.epoch = begin.epoch + 1, .epoch_start = true});
    return start_failed(opened.error(), "open");
  }
  log_ = *std::move(opened);
  EXPECT_EQ(log_->epoch(), begin.epoch + 1);
  EXPECT_EQ(log_->next_sequence().value(), begin.next_sequence.value() + 1);
  if (options_.durability == Durability::kSync) {
    EXPECT_GE(log_->synced_end().value(), begin.end.value()) << "what recovery gave out must last";
  }
  const uint64_t end = log_->appended_end().value();
  model_.appended(begin.next_sequence,
                  {.epoch = log_->epoch(),
                   .epoch_start = true,
                   .offset = end - log::padded_record_bytes(log::record_bytes({.type = log::kEpochStart})),
                   .end = end});
  if (keep_from_ != 0) log_->keep_from(log::LogOffset(keep_from_));
  durable_end_ = 0;
  failed_ = false;
  return true;
}

void LogUnderTest::turn() {
  if (random_.chance(3, 4)) append_some();
  log_->end_turn();
  for (uint64_t steps = random_.below(4); steps > 0 && !storage_.halted(); --steps) world_.step();
  if (storage_.halted()) return;
  check_watermarks();
  if (random_.chance(1, 10)) read_back();
  if (random_.chance(1, 20)) move_checkpoint();
  if (random_.chance(1, 40)) world_.run_for(static_cast<int64_t>(random_.below(40)) * core::kNsPerMs);
  if (random_.chance(1, 100)) world_.clock().jump_wall(static_cast<int64_t>(random_.below(200'000)) - 100'000);
}

void LogUnderTest::finish() {
  log_->end_turn();
  bool done = false;
  log_->finish(done);
  storage_.run_until(done);
  if (storage_.halted() || storage_.faults_met() > 0 || trouble_ == Trouble::kFullDisk) return;
  ++tally_.clean_stops;
  EXPECT_EQ(log_->synced_end(), log_->appended_end()) << "a clean stop syncs all, whatever the policy";
}

void LogUnderTest::note_what_must_survive(bool killed) {
  if (log_) synced_end_ = log_->synced_end().value();
  if (!killed && options_.durability != Durability::kSync) {
    holes_ = true;
    model_.may_be_lost(synced_end_);
  }
  if (!log_) return;
  uint64_t safe = synced_end_;
  if (options_.durability == Durability::kSync) safe = std::max(safe, durable_end_);
  if (killed && options_.durability != Durability::kMemory) safe = std::max(safe, log_->durable_end().value());
  model_.acknowledged(safe);
  model_.retired(begin_);
}

void LogUnderTest::flip_something() {
  const auto files = storage_.files(options_.directory + "/");
  if (files.empty()) return;
  const std::string& path = files[random_.below(files.size())];
  const uint64_t bytes = storage_.file_bytes(path);
  if (bytes == 0) return;
  damaged_ = true;
  for (uint64_t flips = random_.below(4); flips > 0; --flips) {
    storage_.flip_bit(path, random_.below(bytes), static_cast<unsigned>(random_.below(8)));
  }
  if (random_.chance(1, 4)) storage_.make_unreadable(path, random_.below(bytes));
}

void LogUnderTest::replace_bad_sectors() {
  const std::vector<std::byte> garbage(kSectorBytes, std::byte{0xa5});
  for (const std::string& path : storage_.files(options_.directory + "/")) {
    for (uint64_t at = 0; at + kSectorBytes <= storage_.file_bytes(path); at += kSectorBytes) {
      if (storage_.is_unreadable(path, at)) storage_.overwrite(path, at, garbage);
    }
  }
}

void LogUnderTest::add_to_tally() {
  tally_.cut += model_.cut();
  tally_.damage += model_.damage_reports();
  tally_.lost_to_damage += model_.lost_to_damage();
}

void LogUnderTest::expect_room_returns() {
  if (!log_ || storage_.halted() || log_->room_for(100) != AppendRoom::kDiskFull) return;
  for (int turns = 0; turns < 2000 && log_->room_for(100) == AppendRoom::kDiskFull && !storage_.halted(); ++turns) {
    log_->end_turn();
    world_.run_for(10 * core::kNsPerMs);
  }
  if (storage_.halted()) return;
  EXPECT_NE(log_->room_for(100), AppendRoom::kDiskFull) << "the disk has room again, the log does not see it";
  ++tally_.room_returned;
}

bool LogUnderTest::start_failed(const core::Error& error, const char* doing) {
  ++tally_.failed_starts;
  if (!storage_.halted()) {
    EXPECT_TRUE(trouble_ == Trouble::kBitFlips || trouble_ == Trouble::kErrors || trouble_ == Trouble::kFullDisk)
        << doing << " failed without a reason: " << error.message;
    EXPECT_FALSE(error.message.empty());
  }
  return false;
}

uint64_t LogUnderTest::draw_payload_bytes() {
  const uint64_t largest = options_.tail_bytes / 4 - 512;
  switch (random_.below(12)) {
    case 0:
      return random_.below(std::min(largest, options_.segment_bytes * 2));  // also more than a segment
    case 1:
    case 2:
      return random_.below(std::min<uint64_t>(largest, 9000));
    default:
      return random_.below(300);
  }
}

void LogUnderTest::append_some() {
  for (uint64_t count = random_.below(5); count > 0; --count) {
    const uint64_t seed = random_.next_u64();
    const uint64_t payload_bytes = draw_payload_bytes();
    const MadeRecord made(seed, payload_bytes);
    const AppendRoom room = log_->room_for(made.bytes());
    if (failed_) {
      EXPECT_EQ(room, AppendRoom::kFailed) << "a failed log stays failed";
    }
    if (room != AppendRoom::kRoom) return note_refusal(room);
    const uint64_t before = log_->appended_end().value();
    const log::Sequence sequence = log_->next_sequence();
    const log::Appended appended = log_->append(made.parts());
    EXPECT_EQ(appended.sequence, sequence);
    EXPECT_GE(appended.offset.value(), before);
    EXPECT_EQ(appended.end, appended.offset.value() + log::padded_record_bytes(made.bytes()));
    EXPECT_EQ(log_->appended_end().value(), appended.end);
    model_.appended(sequence, {.epoch = log_->epoch(),
                               .seed = seed,
                               .payload_bytes = payload_bytes,
                               .offset = appended.offset.value(),
                               .end = appended.end});
    ++tally_.appended;
  }
}

void LogUnderTest::note_refusal(AppendRoom room) {
  if (room == AppendRoom::kTailFull) ++tally_.tail_full;
  if (room == AppendRoom::kDiskFull) {
    ++tally_.disk_full;
    EXPECT_TRUE(trouble_ == Trouble::kFullDisk || trouble_ == Trouble::kErrors) << "full without a reason";
  }
  if (room == AppendRoom::kFailed && !failed_) {
    ++tally_.failed_logs;
    EXPECT_EQ(trouble_, Trouble::kErrors) << "failed without a reason";
    failed_ = true;
    failed_durable_end_ = log_->durable_end().value();
  }
}

void LogUnderTest::check_watermarks() {
  const uint64_t durable = log_->durable_end().value();
  EXPECT_GE(durable, durable_end_) << "an acknowledgement was taken back";
  EXPECT_LE(durable, log_->appended_end().value());
  EXPECT_LE(log_->synced_end().value(), log_->appended_end().value());
  if (options_.durability == Durability::kSync) {
    EXPECT_LE(durable, log_->synced_end().value());
  }
  if (failed_) {
    EXPECT_EQ(durable, failed_durable_end_) << "a failed log acknowledges no more";
  }
  EXPECT_LE(log_->begin().value(), keep_from_) << "retention passed what is needed";
  durable_end_ = durable;
  if (log_->begin().value() > begin_) ++tally_.retired;
  begin_ = std::max(begin_, log_->begin().value());
}

void LogUnderTest::read_back() {
  if (model_.entries().empty()) return;
  auto it = model_.entries().lower_bound(model_.entries().begin()->first + random_.below(model_.entries().size()));
  if (it == model_.entries().end()) return;
  const auto [sequence, entry] = *it;
  log::SharedLog& shared = log_->shared();
  if (entry.offset == UINT64_MAX || entry.retired || entry.offset < log_->begin().value()) return;
  if (entry.offset >= shared.tail_begin.load()) {
    ASSERT_EQ(log::check_record(shared.tail_at(entry.offset), entry.end - entry.offset), log::RecordCheck::kValid)
        << "record " << sequence << " at " << entry.offset << " in the tail from " << shared.tail_begin.load() << " to "
        << log_->appended_end();
    model_.check_content(sequence, log::RecordView(shared.tail_at(entry.offset)));
    ++tally_.read_back;
    return;
  }
  const auto segments = shared.segments.load();
  ASSERT_NE(segments, nullptr);
  for (const log::SegmentFile& segment : *segments) {
    if (entry.offset < segment.begin.value() || entry.offset >= segment.end.value()) continue;
    return read_back_from(segment, sequence, entry);
  }
  FAIL() << "no segment holds record " << sequence << " at " << entry.offset << ", begin " << log_->begin();
}

void LogUnderTest::read_back_from(const log::SegmentFile& segment, uint64_t sequence, const LogModel::Entry& entry) {
  const uint64_t end = entry.end != UINT64_MAX ? entry.end : segment.end.value();
  std::vector<std::byte> bytes(end - entry.offset);
  const auto read = core::BlockingStorage{storage_}.read(segment.file, entry.offset - segment.begin.value(), bytes);
  if (!read.has_value() || storage_.halted()) return;
  if (log::check_record(bytes.data(), *read) != log::RecordCheck::kValid) {
    EXPECT_EQ(trouble_, Trouble::kBitFlips) << "record " << sequence << " at " << entry.offset << " is not there";
    return;
  }
  model_.check_content(sequence, log::RecordView(bytes.data()));
  ++tally_.read_back;
}

void LogUnderTest::move_checkpoint() {
  if (model_.entries().empty()) return;
  auto it = model_.entries().lower_bound(model_.entries().begin()->first + random_.below(model_.entries().size()));
  if (it == model_.entries().end() || it->second.offset == UINT64_MAX || it->second.retired) return;
  if (it->second.end > log_->synced_end().value() || it->second.offset < keep_from_) return;
  keep_from_ = it->second.offset;
  log_->keep_from(log::LogOffset(keep_from_));
}

}  // namespace penstock::sim
