// Consume queues against plain deques: many queues over few index files, readers that lag, checkpoints, crashes at any
// step and a disk that fails. What a durable checkpoint holds must be there after every crash, entry by entry.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <vector>

#include "log/consume_queue.h"
#include "tests/sim/sim_storage.h"
#include "tests/sim/world_on_failure.h"

namespace penstock::sim {
namespace {

using log::ConsumeQueue;
using log::QueueEntry;
using log::QueueFile;
using log::QueueIndex;

constexpr const char* kDirectory = "/data/queues";

enum class Trouble : uint8_t { kNone, kDamage, kErrors, kFullDisk };

struct Tally {
  uint64_t lives = 0, ready = 0, pending = 0, gone = 0, checkpoints = 0, failed_checkpoints = 0, restored = 0,
           retired = 0;
};

// The oracle of one queue.
struct Expected {
  uint64_t begin = 0;
  std::deque<QueueEntry> entries;
  uint64_t end() const { return begin + entries.size(); }
  const QueueEntry& at(uint64_t index) const { return entries[index - begin]; }
  void trim(uint64_t to) {
    entries.erase(entries.begin(), entries.begin() + static_cast<int64_t>(to - begin));
    begin = to;
  }
};

// All queues of one moment, as a broker's checkpoint has them.
struct Checkpoint {
  std::vector<std::byte> bytes;
  std::vector<Expected> expected;
  QueueFile::PageAddress next = 0;
  QueueFile::PageAddress oldest = 0;
};

struct Reader final : log::PageWaiter {
  void on_page_ready() override { waiting = false; }
  uint64_t index = 0;
  bool waiting = false;
};

struct Queue {
  std::unique_ptr<ConsumeQueue> queue;
  Expected expected;
  std::deque<Reader> readers;
};

class QueuesUnderTest {
 public:
  QueuesUnderTest(uint64_t seed, Trouble trouble, Tally& tally)
      : world_(seed),
        random_(world_.random()),
        storage_(world_),
        trouble_(trouble),
        tally_(tally),
        on_failure_(world_) {
    EXPECT_TRUE(storage_.make_directories(kDirectory));
    options_ = {.directory = kDirectory,
                .file_bytes = log::kQueuePageBytes * (1 + random_.below(8)),
                .cached_pages_max = 1 + random_.below(8),
                .writes_max = 1 + random_.below(6),
                .batch_pages = 1 + random_.below(4),
                .pages_kept = random_.below(3),
                .resident_pages_max = 1 + random_.below(30),
                .files_open_max = 1 + random_.below(4),
                .report = [this](std::string) { ++reports_; }};
    const uint64_t count = 1 + random_.below(6);
    durable_.expected.resize(count);
  }
  ~QueuesUnderTest() { end_life(); }

  void run() {
    for (uint64_t lives = 4 + random_.below(5); lives > 0 && !testing::Test::HasFailure(); --lives) {
      ++tally_.lives;
      start_life();
      set_faults();
      const bool killed = random_.chance(1, 4);
      const uint64_t steps = random_.below(1200);
      killed ? storage_.kill_after(steps) : storage_.crash_after(steps);
      for (uint64_t turns = random_.below(900); turns > 0 && !storage_.halted(); --turns) {
        turn();
        if (testing::Test::HasFailure()) return;
      }
      if (!storage_.halted()) killed ? storage_.kill() : storage_.crash();
      end_life();
      storage_.restart();
      storage_.faults = {};
      storage_.options().capacity_bytes = uint64_t{1} << 40;
      if (trouble_ == Trouble::kDamage) damage_something();
    }
  }

 private:
  void start_life() {
    file_ = std::make_unique<QueueFile>(storage_, options_, durable_.next);
    queues_ = std::vector<Queue>(durable_.expected.size());
    core::Bytes in = durable_.bytes;
    for (size_t i = 0; i < queues_.size(); ++i) {
      Queue& one = queues_[i];
      one.expected = durable_.expected[i];
      if (durable_.bytes.empty()) {
        one.queue = std::make_unique<ConsumeQueue>(i + 1, file_.get());
      } else {
        auto queue = ConsumeQueue::deserialize(in, file_.get());
        ASSERT_TRUE(queue.has_value()) << queue.error().message;
        one.queue = *std::move(queue);
        ++tally_.restored;
      }
      ASSERT_EQ(one.queue->id(), i + 1);
      ASSERT_EQ(one.queue->begin().value(), one.expected.begin);
      ASSERT_EQ(one.queue->end().value(), one.expected.end());
      one.readers.resize(1 + random_.below(3));
      for (Reader& reader : one.readers) reader.index = one.expected.begin;
      for (const QueueEntry& entry : one.expected.entries) arrival_ = std::max(arrival_, entry.arrival());
    }
  }

  void end_life() {
    for (Queue& one : queues_) {
      for (Reader& reader : one.readers) one.queue->forget(reader);
    }
    queues_.clear();
    if (file_) damage_known_ = damage_known_ || file_->damaged_pages() > 0;
    file_.reset();
    checkpoint_under_way_ = false;
  }

  void turn() {
    Queue& one = queues_[random_.below(queues_.size())];
    if (random_.chance(1, 2)) append(one, random_.chance(1, 10) ? random_.below(1500) : random_.below(40));
    for (Reader& reader : one.readers) {
      if (random_.chance(2, 3)) read(one, reader, random_.below(600));
    }
    if (random_.chance(1, 6)) trim(one);
    if (random_.chance(1, 10)) bisect(one);
    if (random_.chance(1, 25)) start_checkpoint();
    for (uint64_t steps = random_.below(5); steps > 0 && !storage_.halted(); --steps) world_.step();
    if (checkpoint_under_way_ && sync_done_ && !storage_.halted()) end_checkpoint();
    if (trouble_ == Trouble::kFullDisk && random_.chance(1, 60)) {
      storage_.options().capacity_bytes = storage_.used_bytes() + random_.below(3) * 20'000;
    }
  }

  void append(Queue& one, uint64_t count) {
    for (; count > 0; --count) {
      arrival_ += 1 + random_.below(3);
      const QueueEntry entry(arrival_, log::LogId(static_cast<uint16_t>(random_.below(4))),
                             log::LogOffset(random_.below(uint64_t{1} << 50) * 8),
                             static_cast<uint8_t>(random_.below(3)));
      one.queue->append(entry);
      one.expected.entries.push_back(entry);
    }
    ASSERT_EQ(one.queue->end().value(), one.expected.end());
  }

  void read(Queue& one, Reader& reader, uint64_t count) {
    if (random_.chance(1, 50)) {  // somebody starts to replay, or skips
      one.queue->forget(reader);
      reader.waiting = false;
      reader.index = one.expected.begin + random_.below(one.expected.entries.size() + 1);
    }
    for (; count > 0 && !reader.waiting && reader.index < one.expected.end(); --count) {
      QueueEntry entry;
      switch (one.queue->peek(QueueIndex(reader.index), entry, reader)) {
        case ConsumeQueue::Peek::kReady:
          ASSERT_EQ(entry, one.expected.at(reader.index)) << "entry " << reader.index;
          ++reader.index;
          ++tally_.ready;
          break;
        case ConsumeQueue::Peek::kPending:
          reader.waiting = true;
          ++tally_.pending;
          break;
        case ConsumeQueue::Peek::kGone: {
          ++tally_.gone;
          EXPECT_TRUE(trouble_ == Trouble::kDamage || trouble_ == Trouble::kErrors) << "entry " << reader.index;
          EXPECT_TRUE(file_->damaged_pages() > 0 || damage_known_) << "silently";
          const uint64_t page_end = one.queue->page_end(QueueIndex(reader.index)).value();
          ASSERT_GT(page_end, reader.index);
          ASSERT_LE(page_end, one.expected.end());
          reader.index = page_end;
          break;
        }
      }
    }
  }

  // Up to the slowest reader, as a queue with cursors does; a retention limit pushes readers on.
  void trim(Queue& one) {
    uint64_t to = one.expected.end();
    for (const Reader& reader : one.readers) to = std::min(to, reader.index);
    if (random_.chance(1, 10)) to = one.expected.begin + random_.below(one.expected.entries.size() + 1);
    for (Reader& reader : one.readers) {
      if (reader.index >= to) continue;
      one.queue->forget(reader);
      reader.waiting = false;
      reader.index = to;
    }
    one.expected.trim(std::max(to, one.expected.begin));
    one.queue->trim(QueueIndex(one.expected.begin));
    ASSERT_EQ(one.queue->begin().value(), one.expected.begin);
    ASSERT_EQ(one.queue->end().value(), one.expected.end());
  }

  void bisect(Queue& one) {
    const uint64_t arrival = random_.below(arrival_ + 2);
    const auto& entries = one.expected.entries;
    const auto at = std::lower_bound(entries.begin(), entries.end(), arrival,
                                     [](const QueueEntry& entry, uint64_t wanted) { return entry.arrival() < wanted; });
    const uint64_t expected = one.expected.begin + static_cast<uint64_t>(at - entries.begin());
    const uint64_t found = one.queue->lower_bound_in_memory(arrival).value();
    ASSERT_TRUE(found == expected || found == one.expected.begin) << found << " instead of " << expected;
  }

  void start_checkpoint() {
    if (checkpoint_under_way_) return;
    checkpoint_ = {};
    checkpoint_.oldest = UINT64_MAX;
    for (Queue& one : queues_) {
      one.queue->serialize(checkpoint_.bytes);
      checkpoint_.expected.push_back(one.expected);
      checkpoint_.oldest = std::min<uint64_t>(checkpoint_.oldest, one.queue->oldest_page());
    }
    checkpoint_.next = file_->next_address();
    checkpoint_under_way_ = true;
    sync_done_ = sync_failed_ = false;
    file_->sync(sync_done_, sync_failed_);
  }

  void end_checkpoint() {
    checkpoint_under_way_ = false;
    if (sync_failed_) {
      ++tally_.failed_checkpoints;
      EXPECT_TRUE(trouble_ == Trouble::kErrors || trouble_ == Trouble::kFullDisk);
      return;
    }
    ++tally_.checkpoints;
    durable_ = std::move(checkpoint_);
    if (random_.chance(1, 2)) {
      file_->retire(std::min(durable_.oldest, durable_.next));
      ++tally_.retired;
    }
  }

  void set_faults() {
    if (trouble_ != Trouble::kErrors) return;
    const auto rate = [&] { return random_.chance(1, 2) ? static_cast<uint32_t>(random_.below(30'000)) : 0; };
    storage_.faults = {.open_error = rate(),
                       .read_error = rate(),
                       .write_error = rate(),
                       .sync_error = rate(),
                       .directory_error = rate(),
                       .short_read = rate(),
                       .short_write = rate()};
  }

  void damage_something() {
    const auto files = storage_.files(kDirectory);
    if (files.empty() || random_.chance(1, 2)) return;
    const std::string& path = files[random_.below(files.size())];
    const uint64_t bytes = storage_.file_bytes(path);
    if (bytes == 0) return;
    if (random_.chance(1, 3)) return storage_.make_unreadable(path, random_.below(bytes));
    storage_.flip_bit(path, random_.below(bytes), static_cast<unsigned>(random_.below(8)));
  }

  SimWorld world_;
  core::SeededRandom& random_;
  SimStorage storage_;
  Trouble trouble_;
  Tally& tally_;
  QueueFile::Options options_;
  std::unique_ptr<QueueFile> file_;
  std::vector<Queue> queues_;
  uint64_t arrival_ = 0;
  uint64_t reports_ = 0;
  bool damage_known_ = false;  // in a life before: a checkpoint says of a lost page that it is lost
  Checkpoint durable_;
  Checkpoint checkpoint_;
  bool checkpoint_under_way_ = false;
  bool sync_done_ = false;
  bool sync_failed_ = false;
  WorldOnFailure on_failure_;
};

Tally run_seeds(uint64_t count, Trouble trouble) {
  Tally tally;
  for_each_seed(count, [&](uint64_t seed) { QueuesUnderTest(seed, trouble, tally).run(); });
  std::cout << "lives " << tally.lives << ", ready " << tally.ready << ", pending " << tally.pending << ", gone "
            << tally.gone << ", checkpoints " << tally.checkpoints << ", failed " << tally.failed_checkpoints
            << ", restored " << tally.restored << ", retired " << tally.retired << std::endl;
  EXPECT_GT(tally.pending, 0u);
  EXPECT_GT(tally.restored, 0u);
  EXPECT_GT(tally.retired, 0u);
  return tally;
}

constexpr uint64_t kSeeds = 150;

TEST(consume_queue_crash, gives_back_every_entry_of_the_checkpoint_after_crashes_at_any_step) {
  EXPECT_EQ(run_seeds(2 * kSeeds, Trouble::kNone).gone, 0u);
}

TEST(consume_queue_crash, reports_damaged_pages_and_gives_no_wrong_entry) {
  EXPECT_GT(run_seeds(kSeeds, Trouble::kDamage).gone, 0u);
}

TEST(consume_queue_crash, keeps_pages_in_memory_that_cannot_be_written) {
  EXPECT_GT(run_seeds(kSeeds, Trouble::kErrors).failed_checkpoints, 0u);
}

TEST(consume_queue_crash, full_disk_loses_no_entry) {
  EXPECT_EQ(run_seeds(kSeeds, Trouble::kFullDisk).gone, 0u);
}

}  // namespace
}  // namespace penstock::sim
