#include "tests/sim/log_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

namespace penstock::sim {
namespace {

void fill(core::SeededRandom& random, std::vector<std::byte>& bytes, size_t size) {
  bytes.resize(core::align_up(size, 8));
  for (size_t at = 0; at < bytes.size(); at += 8) core::store_le(bytes.data() + at, random.next_u64());
  bytes.resize(size);
}

bool same(core::Bytes a, core::Bytes b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

// It may show again, and need not.
void forgive(std::map<uint64_t, LogModel::Entry>& kept, uint64_t sequence, LogModel::Entry entry) {
  entry.must_survive = false;
  entry.retired = true;
  kept.emplace(sequence, entry);
}

std::string describe(const std::vector<log::Damage>& damage) {
  std::ostringstream text;
  for (const log::Damage& one : damage) {
    text << "\n  " << one.file << ":" << one.file_offset << " " << one.what << ", " << one.bytes_lost << " bytes lost"
         << (one.torn_end ? ", torn end" : "");
  }
  return text.str();
}

}  // namespace

MadeRecord::MadeRecord(uint64_t seed, uint64_t payload_bytes) : seed_(seed) {
  core::SeededRandom random(seed);
  publisher_ = "client-" + std::to_string(random.below(100));
  topic_ = "parent/" + std::to_string(random.below(1000));
  fill(random, properties_, random.chance(1, 4) ? random.below(40) : 0);
  fill(random, payload_, payload_bytes);
}

log::RecordParts MadeRecord::parts() const {
  return {.type = log::kMessage,
          .flags = static_cast<uint8_t>(seed_ % 3),
          .packet_id = static_cast<uint16_t>(seed_ >> 8),
          .topic_hash = static_cast<uint32_t>(seed_ >> 16),
          .publisher = publisher_,
          .topic = topic_,
          .properties = properties_,
          .payload = payload_};
}

void LogModel::appended(log::Sequence sequence, Entry entry) {
  const auto [at, is_new] = entries_.emplace(sequence.value(), entry);
  EXPECT_TRUE(is_new) << "sequence " << sequence << " given twice";
  EXPECT_EQ(std::next(at), entries_.end()) << "sequence " << sequence << " is not the last";
}

void LogModel::acknowledged(uint64_t end) {
  for (auto it = entries_.rbegin(); it != entries_.rend() && !it->second.must_survive; ++it) {
    if (it->second.end <= end) it->second.must_survive = true;
  }
}

void LogModel::may_be_lost(uint64_t end) {
  for (auto it = entries_.rbegin(); it != entries_.rend(); ++it) {
    if (it->second.end > end) it->second.must_survive = false;
  }
}

void LogModel::retired(uint64_t begin) {
  for (auto& [sequence, entry] : entries_) {
    if (entry.offset >= begin) continue;
    entry.retired = true;
    entry.must_survive = false;
  }
}

void LogModel::check_content(uint64_t sequence, log::RecordView record) const {
  const auto found = entries_.find(sequence);
  ASSERT_NE(found, entries_.end()) << "record " << sequence << " was never appended (or had been cut)";
  const Entry& entry = found->second;
  const log::RecordHeader& header = record.header();
  ASSERT_EQ(header.sequence, sequence);
  ASSERT_EQ(header.epoch, entry.epoch) << "of record " << sequence;
  if (entry.epoch_start) {
    ASSERT_EQ(header.type, log::kEpochStart) << "of record " << sequence;
    return;
  }
  const MadeRecord made(entry.seed, entry.payload_bytes);
  const log::RecordParts parts = made.parts();
  ASSERT_EQ(header.type, parts.type);
  ASSERT_EQ(header.flags & ~log::kRecordStartsWrite, parts.flags);
  ASSERT_EQ(header.packet_id, parts.packet_id);
  ASSERT_EQ(header.topic_hash, parts.topic_hash);
  ASSERT_EQ(record.publisher(), parts.publisher);
  ASSERT_EQ(record.topic(), parts.topic);
  ASSERT_TRUE(same(record.properties(), parts.properties)) << "of record " << sequence;
  ASSERT_TRUE(same(record.payload(), parts.payload)) << "of record " << sequence;
}

void LogModel::begin_recovery(const Circumstances& circumstances) {
  circumstances_ = circumstances;
  seen_.clear();
  last_wall_us_ = 0;
  last_offset_ = 0;
}

void LogModel::visited(log::LogOffset offset, log::RecordView record) {
  const uint64_t sequence = record.header().sequence;
  ASSERT_TRUE(seen_.empty() || sequence > seen_.rbegin()->first) << "out of order: record " << sequence;
  check_content(sequence, record);
  if (testing::Test::HasFatalFailure()) return;
  Entry entry = entries_.at(sequence);
  if (entry.offset != UINT64_MAX) {
    ASSERT_EQ(entry.offset, offset.value()) << "of record " << sequence;
  }
  entry.offset = offset.value();
  ASSERT_GE(offset.value(), circumstances_.visited_from);
  ASSERT_GE(record.header().wall_us, last_wall_us_) << "time went back at record " << sequence;
  last_wall_us_ = record.header().wall_us;
  ASSERT_TRUE(seen_.empty() || offset.value() > last_offset_);
  last_offset_ = offset.value();
  seen_.emplace(sequence, entry);
}

void LogModel::end_recovery(const log::RecoveredLog& recovered) {
  const std::string damage = describe(recovered.damage);
  damage_reports_ += recovered.damage.size();
  if (!circumstances_.damaged_at_rest && !circumstances_.may_have_holes && !circumstances_.damaged_before) {
    for (const log::Damage& one : recovered.damage) {
      EXPECT_TRUE(one.torn_end) << "a crash alone is no corruption:" << damage;
    }
  }
  if (!circumstances_.damaged_at_rest) {
    EXPECT_LE(recovered.begin.value(), circumstances_.keep_from) << "retention passed what is needed";
  }
  // Damage excuses a loss only when it is reported.
  const bool excused = circumstances_.damaged_at_rest && !recovered.damage.empty();
  const bool hole_excused = excused || (circumstances_.may_have_holes && !recovered.damage.empty());
  bool gap = false;
  std::map<uint64_t, Entry> kept;
  for (const auto& [sequence, entry] : entries_) {
    if (const auto seen = seen_.find(sequence); seen != seen_.end()) {
      EXPECT_TRUE(!gap || hole_excused) << "record " << sequence << " is there, one before it is not" << damage;
      kept.emplace(*seen);
    } else if (entry.retired || entry.offset < recovered.begin.value()) {
      // How far retention may go was checked above. A crash may bring the name of a removed file back once more.
      if (sequence < recovered.start.next_sequence.value()) forgive(kept, sequence, entry);
    } else if (entry.offset < circumstances_.visited_from) {
      kept.emplace(sequence, entry);
    } else {
      gap = true;
      ++(entry.must_survive ? lost_to_damage_ : cut_);
      EXPECT_TRUE(!entry.must_survive || excused)
          << "acknowledged record " << sequence << " at " << entry.offset << " is lost; recovered begin "
          << recovered.begin << " end " << recovered.start.end << damage;
      // Reported and skipped: it may be readable the next time, unless its sequence is given anew.
      if (!recovered.damage.empty() && sequence < recovered.start.next_sequence.value()) forgive(kept, sequence, entry);
    }
  }
  if (!seen_.empty()) {
    const auto& [last_sequence, last] = *seen_.rbegin();
    // Damage at the end may hide records; their sequences are not used again.
    EXPECT_GE(recovered.start.next_sequence.value(), last_sequence + 1);
    EXPECT_TRUE(recovered.start.next_sequence.value() == last_sequence + 1 || hole_excused);
    EXPECT_GE(recovered.start.epoch, last.epoch);
    EXPECT_TRUE(recovered.start.epoch == last.epoch || hole_excused);
    EXPECT_GE(recovered.start.last_wall_us, last_wall_us_);
  }
  entries_ = std::move(kept);
}

}  // namespace penstock::sim
