// The commit log against a model, over thousands of seeds and several lives each: crashes at any step, and one kind of
// fault per seed, or none. A second opinion beside tests/log: it goes through the public face alone.
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <memory>

#include "log/commit_log.h"
#include "log/recovery.h"
#include "tests/sim/log_model.h"
#include "tests/sim/sim_storage.h"
#include "tests/sim/world_on_failure.h"

namespace penstock::sim {
namespace {

using log::AppendRoom;
using log::CommitLog;
using log::Durability;

enum class Trouble : uint8_t { kNone, kWeakPolicy, kTorn, kBitFlips, kErrors, kFullDisk, kShortAndSlow };

// What came about over all seeds: a test in which nothing happened proves nothing.
struct Tally {
  uint64_t lives = 0, appended = 0, read_back = 0, cut = 0, damage = 0, lost_to_damage = 0, failed_logs = 0,
           disk_full = 0, tail_full = 0, room_returned = 0, failed_starts = 0, clean_stops = 0, retired = 0;
};

// One log and its model, over its lives.
class LogUnderTest final : public log::LogProgressHandler {
 public:
  LogUnderTest(SimWorld& world, SimStorage& storage, Trouble trouble, uint16_t id, Tally& tally)
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

  void on_log_progress() override {
    ++progress_;
    if (log_ && !storage_.halted() && random_.chance(1, 8)) append_some();
  }

  // False when the world failed in between; then the next life tries again.
  bool start() {
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

  // One turn of a shard's loop.
  void turn() {
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

  // True when everything that was appended is safe.
  void finish() {
    log_->end_turn();
    bool done = false;
    log_->finish(done);
    storage_.run_until(done);
    if (storage_.halted() || storage_.faults_met() > 0 || trouble_ == Trouble::kFullDisk) return;
    ++tally_.clean_stops;
    EXPECT_EQ(log_->synced_end(), log_->appended_end()) << "a clean stop syncs all, whatever the policy";
  }

  // The crash or kill came: what is owed from now on?
  void note_what_must_survive(bool killed) {
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
  void destroy() { log_.reset(); }

  void flip_something() {
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
  // The disk maps the bad sectors away; what was in them is gone.
  void replace_bad_sectors() {
    const std::vector<std::byte> garbage(kSectorBytes, std::byte{0xa5});
    for (const std::string& path : storage_.files(options_.directory + "/")) {
      for (uint64_t at = 0; at + kSectorBytes <= storage_.file_bytes(path); at += kSectorBytes) {
        if (storage_.is_unreadable(path, at)) storage_.overwrite(path, at, garbage);
      }
    }
  }

  bool alive() const { return log_ != nullptr; }
  CommitLog& log() { return *log_; }
  void add_to_tally() {
    tally_.cut += model_.cut();
    tally_.damage += model_.damage_reports();
    tally_.lost_to_damage += model_.lost_to_damage();
  }
  // After the disk was full and has room again.
  void expect_room_returns() {
    if (!log_ || storage_.halted() || log_->room_for(100) != AppendRoom::kDiskFull) return;
    for (int turns = 0; turns < 2000 && log_->room_for(100) == AppendRoom::kDiskFull && !storage_.halted(); ++turns) {
      log_->end_turn();
      world_.run_for(10 * core::kNsPerMs);
    }
    if (storage_.halted()) return;
    EXPECT_NE(log_->room_for(100), AppendRoom::kDiskFull) << "the disk has room again, the log does not see it";
    ++tally_.room_returned;
  }

 private:
  bool start_failed(const core::Error& error, const char* doing) {
    ++tally_.failed_starts;
    if (!storage_.halted()) {
      EXPECT_TRUE(trouble_ == Trouble::kBitFlips || trouble_ == Trouble::kErrors || trouble_ == Trouble::kFullDisk)
          << doing << " failed without a reason: " << error.message;
      EXPECT_FALSE(error.message.empty());
    }
    return false;
  }

  uint64_t draw_payload_bytes() {
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

  void append_some() {
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

  void note_refusal(AppendRoom room) {
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

  void check_watermarks() {
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

  // Any record that is still there, as a reader of another shard would: from the tail, else from the segment files.
  void read_back() {
    if (model_.entries().empty()) return;
    auto it = model_.entries().lower_bound(model_.entries().begin()->first + random_.below(model_.entries().size()));
    if (it == model_.entries().end()) return;
    const auto [sequence, entry] = *it;
    log::SharedLog& shared = log_->shared();
    if (entry.offset == UINT64_MAX || entry.retired || entry.offset < log_->begin().value()) return;
    if (entry.offset >= shared.tail_begin.load()) {
      ASSERT_EQ(log::check_record(shared.tail_at(entry.offset), entry.end - entry.offset), log::RecordCheck::kValid)
          << "record " << sequence << " at " << entry.offset << " in the tail from " << shared.tail_begin.load()
          << " to " << log_->appended_end();
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

  void read_back_from(const log::SegmentFile& segment, uint64_t sequence, const LogModel::Entry& entry) {
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

  // A checkpoint was taken at some durable record: what lies before it may be retired.
  void move_checkpoint() {
    if (model_.entries().empty()) return;
    auto it = model_.entries().lower_bound(model_.entries().begin()->first + random_.below(model_.entries().size()));
    if (it == model_.entries().end() || it->second.offset == UINT64_MAX || it->second.retired) return;
    if (it->second.end > log_->synced_end().value() || it->second.offset < keep_from_) return;
    keep_from_ = it->second.offset;
    log_->keep_from(log::LogOffset(keep_from_));
  }

  SimWorld& world_;
  core::SeededRandom& random_;
  SimStorage& storage_;
  Trouble trouble_;
  Tally& tally_;
  log::LogOptions options_;
  LogModel model_;
  std::unique_ptr<CommitLog> log_;
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

class Lives {
 public:
  Lives(uint64_t seed, Trouble trouble, Tally& tally)
      : world_(seed), storage_(world_), trouble_(trouble), on_failure_(world_) {
    core::SeededRandom& random = world_.random();
    storage_.options().refuse_direct = random.chance(1, 5);
    if (trouble == Trouble::kTorn) storage_.options().torn_sector_per_million = 300'000;
    for (uint64_t logs = random.below(3) + 1, id = 1; id <= logs; ++id) {
      logs_.push_back(std::make_unique<LogUnderTest>(world_, storage_, trouble, static_cast<uint16_t>(id), tally));
    }
  }
  SimStorage& storage() { return storage_; }
  ~Lives() {
    for (auto& one : logs_) one->add_to_tally();
  }

  void run() {
    for (uint64_t lives = world_.random().below(6) + 5; lives > 0 && !testing::Test::HasFailure(); --lives) {
      // A power cut may leave holes anywhere in what a weaker policy had not synced: one such log is enough to look at.
      if (life() == Death::kPowerCut && trouble_ == Trouble::kWeakPolicy) break;
    }
    // The last word: without any trouble, everything owed is there.
    storage_.faults = {};
    storage_.options().capacity_bytes = uint64_t{1} << 40;
    if (!testing::Test::HasFailure()) start_all();
    destroy_all();
  }

  bool start_all() {
    bool all = true;
    for (auto& one : logs_) all = !storage_.halted() && one->start() && all;
    return all;
  }
  void destroy_all() {
    for (auto& one : logs_) one->destroy();
  }

  enum class Death : uint8_t { kKilled, kPowerCut };

  // From start to death.
  Death life() {
    core::SeededRandom& random = world_.random();
    set_faults();
    // Not after a failed sync: until the next boot the kernel shows what the disk does not have, and no start can tell.
    const bool killed = trouble_ != Trouble::kErrors && random.chance(trouble_ == Trouble::kWeakPolicy ? 3 : 1, 4);
    const uint64_t steps = random.chance(1, 4) ? random.below(60) : random.below(1500);
    killed ? storage_.kill_after(steps) : storage_.crash_after(steps);
    if (start_all()) {
      for (uint64_t turns = random.below(600); turns > 0 && !storage_.halted() && !testing::Test::HasFailure(); --turns)
        turn(turns);
      if (!storage_.halted() && random.chance(1, 2)) finish_all();
    }
    if (!storage_.halted()) killed ? storage_.kill() : storage_.crash();
    for (auto& one : logs_) one->note_what_must_survive(killed);
    destroy_all();
    storage_.restart();
    if (trouble_ == Trouble::kBitFlips) {
      for (auto& one : logs_) {
        one->replace_bad_sectors();
        if (random.chance(1, 3)) one->flip_something();
      }
    }
    return killed ? Death::kKilled : Death::kPowerCut;
  }

 private:
  void turn(uint64_t turns_left) {
    logs_[world_.random().below(logs_.size())]->turn();
    if (trouble_ != Trouble::kFullDisk || storage_.halted() || turns_left % 50 != 0) return;
    const uint64_t used = storage_.used_bytes();
    if (world_.random().chance(1, 2)) {
      storage_.options().capacity_bytes = used + world_.random().below(200'000);
    } else {
      storage_.options().capacity_bytes = used + (16u << 20);
      for (auto& one : logs_) one->expect_room_returns();
    }
  }

  void finish_all() {
    for (auto& one : logs_) {
      if (!storage_.halted()) one->finish();
    }
  }

  void set_faults() {
    core::SeededRandom& random = world_.random();
    if (trouble_ == Trouble::kErrors) {
      const auto rate = [&] { return random.chance(1, 2) ? static_cast<uint32_t>(random.below(20'000)) : 0; };
      storage_.faults = {.open_error = rate() / 4,
                         .read_error = rate() / 4,
                         .write_error = rate(),
                         .sync_error = rate(),
                         .directory_error = rate(),
                         .allocate_error = rate()};
    } else if (trouble_ == Trouble::kShortAndSlow) {
      storage_.faults = {.short_read = 100'000, .short_write = 100'000, .slow = 20'000};
    }
  }

  SimWorld world_;
  SimStorage storage_;
  Trouble trouble_;
  WorldOnFailure on_failure_;
  std::vector<std::unique_ptr<LogUnderTest>> logs_;
};

Tally run_seeds(uint64_t count, Trouble trouble) {
  Tally tally;
  for_each_seed(count, [&](uint64_t seed) { Lives(seed, trouble, tally).run(); });
  std::cout << "lives " << tally.lives << ", appended " << tally.appended << ", read back " << tally.read_back
            << ", cut " << tally.cut << ", damage reports " << tally.damage << ", lost to damage "
            << tally.lost_to_damage << ", failed logs " << tally.failed_logs << ", disk full " << tally.disk_full
            << ", tail full " << tally.tail_full << ", room returned " << tally.room_returned << ", failed starts "
            << tally.failed_starts << ", clean stops " << tally.clean_stops << ", retirements " << tally.retired
            << std::endl;
  EXPECT_GT(tally.appended, tally.lives);
  EXPECT_GT(tally.read_back, 0u);
  return tally;
}

constexpr uint64_t kSeeds = 100;

TEST(log_crash, loses_nothing_acknowledged_in_crashes_at_any_step) {
  const Tally tally = run_seeds(3 * kSeeds, Trouble::kNone);
  EXPECT_GT(tally.cut, 0u);
  EXPECT_GT(tally.clean_stops, 0u);
  EXPECT_GT(tally.retired, 0u);
  EXPECT_EQ(tally.lost_to_damage, 0u);
}

TEST(log_crash, weaker_policies_keep_what_was_synced_and_over_a_kill_what_was_written) {
  EXPECT_EQ(run_seeds(kSeeds, Trouble::kWeakPolicy).lost_to_damage, 0u);
}

TEST(log_crash, loses_nothing_acknowledged_when_a_crash_tears_sectors) {
  EXPECT_EQ(run_seeds(kSeeds, Trouble::kTorn).lost_to_damage, 0u);
}

TEST(log_crash, reports_flipped_bits_and_bad_sectors_and_serves_no_wrong_byte) {
  EXPECT_GT(run_seeds(kSeeds, Trouble::kBitFlips).lost_to_damage, 0u);
}

TEST(log_crash, failed_log_stays_failed_and_keeps_what_it_acknowledged) {
  const Tally tally = run_seeds(kSeeds, Trouble::kErrors);
  EXPECT_GT(tally.failed_logs, 0u);
}

TEST(log_crash, full_disk_refuses_and_service_returns_with_room) {
  const Tally tally = run_seeds(kSeeds, Trouble::kFullDisk);
  EXPECT_GT(tally.disk_full, 0u);
  EXPECT_GT(tally.room_returned, 0u);
  EXPECT_EQ(tally.lost_to_damage, 0u);
}

TEST(log_crash, stands_short_and_slow_operations) {
  EXPECT_EQ(run_seeds(kSeeds, Trouble::kShortAndSlow).lost_to_damage, 0u);
}

// The canary: on a disk that only says it syncs, acknowledged records do get lost, and this test must see it.
TEST(log_crash, sees_the_loss_on_a_disk_that_lies) {
  Tally tally;
  testing::TestPartResultArray failures;
  {
    const testing::ScopedFakeTestPartResultReporter caught(
        testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD, &failures);
    for (uint64_t seed = 1; seed <= 30 && failures.size() == 0; ++seed) {
      Lives lives(seed, Trouble::kNone, tally);
      lives.storage().options().lies = true;
      lives.life();
      if (failures.size() == 0) lives.start_all();
      lives.destroy_all();
    }
  }
  ASSERT_GT(failures.size(), 0);
  // Either a record is missing, or whole headers are and recovery itself says so.
  const std::string seen = failures.GetTestPartResult(0).message();
  EXPECT_TRUE(seen.contains("is lost") || seen.contains("a crash alone is no corruption")) << seen;
}

}  // namespace
}  // namespace penstock::sim
