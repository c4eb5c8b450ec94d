// ConsumeQueue and QueueFile on a simulated disk: growth, paging out and back in, waiters, damage, a disk that fails,
// checkpoints. Crashes at any step are in tests/sim.
#include "log/consume_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "tests/sim/sim_storage.h"
#include "tests/sim/world_on_failure.h"

namespace penstock::log {
namespace {

using Peek = ConsumeQueue::Peek;
using sim::DiskAction;

constexpr const char* kDirectory = "/data/shard-0";
constexpr uint64_t kPage = kQueuePageEntries;

QueueEntry entry_of(uint64_t n) {
  return {n * 3, LogId(7), LogOffset(n * 64), static_cast<uint8_t>(n % 3)};
}

void append(ConsumeQueue& queue, uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) queue.append(entry_of(queue.end().value()));
}

struct Waiter final : PageWaiter {
  void on_page_ready() override {
    ++told;
    if (then) then();
  }
  int told = 0;
  std::function<void()> then;
};

class ConsumeQueueTest : public testing::Test {
 protected:
  ConsumeQueueTest() {
    EXPECT_TRUE(storage.make_directories(kDirectory));
    options.directory = kDirectory;
    options.report = [this](std::string what) { reports.push_back(std::move(what)); };
  }
  void settle() {
    while (world.step()) {
    }
  }
  // Entry at `index`, waiting for its page.
  Peek read(ConsumeQueue& queue, uint64_t index, QueueEntry& out) {
    Waiter waiter;
    while (true) {
      const Peek peek = queue.peek(QueueIndex(index), out, waiter);
      if (peek != Peek::kPending) return peek;
      waiter.told = 0;
      while (waiter.told == 0) {
        if (!world.step()) {
          ADD_FAILURE() << "never told about index " << index;
          return Peek::kGone;
        }
      }
    }
  }
  void expect_all(ConsumeQueue& queue) {
    for (uint64_t i = queue.begin().value(); i < queue.end().value(); ++i) {
      QueueEntry entry;
      ASSERT_EQ(read(queue, i, entry), Peek::kReady) << i;
      ASSERT_EQ(entry, entry_of(i)) << i;
    }
  }
  std::string first_file() const { return std::string(kDirectory) + "/queue-0.pages"; }

  sim::SimWorld world{1};
  sim::WorldOnFailure on_failure{world};
  sim::SimStorage storage{world};
  QueueFile::Options options;
  std::vector<std::string> reports;
};

TEST_F(ConsumeQueueTest, costs_less_than_100_bytes_while_empty_and_grows_step_by_step) {
  ConsumeQueue queue(1, nullptr);
  EXPECT_LT(queue.memory_bytes(), 100u);
  append(queue, 1);
  EXPECT_LE(queue.memory_bytes(), sizeof(ConsumeQueue) + 4 * 16);
  append(queue, 4);
  EXPECT_LE(queue.memory_bytes(), sizeof(ConsumeQueue) + 16 * 16);
  append(queue, 12);
  EXPECT_LE(queue.memory_bytes(), sizeof(ConsumeQueue) + 64 * 16);
  append(queue, 48);
  EXPECT_LE(queue.memory_bytes(), sizeof(ConsumeQueue) + kQueuePageBytes);
  expect_all(queue);
}

TEST_F(ConsumeQueueTest, keeps_everything_in_memory_without_a_file) {
  ConsumeQueue queue(1, nullptr);
  append(queue, 5 * kPage + 17);
  expect_all(queue);
  queue.trim(QueueIndex(3 * kPage + 100));
  expect_all(queue);
  EXPECT_EQ(queue.oldest_page(), UINT64_MAX);
}

TEST_F(ConsumeQueueTest, never_touches_the_disk_while_its_cursors_keep_up) {
  QueueFile file(storage, options, 0);
  ConsumeQueue queue(1, &file);
  for (int round = 0; round < 2000; ++round) {
    append(queue, 5);
    QueueEntry entry;
    ASSERT_EQ(read(queue, queue.end().value() - 1, entry), Peek::kReady);
    ASSERT_EQ(entry, entry_of(queue.end().value() - 1));
    queue.trim(queue.end());
  }
  // Also one that lags by less than the pages it may keep.
  for (uint64_t i = 0; i < 20 * kPage; ++i) {
    append(queue, 1);
    if (queue.end() - queue.begin() > kPage) queue.trim(queue.begin() + 1);
  }
  EXPECT_EQ(file.next_address(), 0u);
  EXPECT_EQ(storage.steps(), 0u);
}

TEST_F(ConsumeQueueTest, gives_back_its_block_when_it_drains_after_a_burst) {
  QueueFile file(storage, options, 0);
  ConsumeQueue queue(1, &file);
  append(queue, 200);
  queue.trim(queue.end());
  for (int i = 0; i < 4; ++i) {
    append(queue, 1);
    queue.trim(queue.end());
  }
  EXPECT_LE(queue.memory_bytes(), sizeof(ConsumeQueue) + 4 * 16);
}

TEST_F(ConsumeQueueTest, a_backlog_leaves_memory_and_reads_back_in_order) {
  QueueFile file(storage, options, 0);
  ConsumeQueue queue(1, &file);
  append(queue, 100 * kPage + 5);
  settle();
  EXPECT_EQ(file.next_address(), 98u);
  EXPECT_LT(queue.memory_bytes(), 5 * kQueuePageBytes);
  EXPECT_EQ(queue.oldest_page(), 0u);
  expect_all(queue);
  queue.trim(QueueIndex(50 * kPage + 1));
  EXPECT_EQ(queue.oldest_page(), 50u);
  expect_all(queue);
  EXPECT_TRUE(reports.empty());
}

TEST_F(ConsumeQueueTest, reads_entries_whose_page_is_being_written) {
  QueueFile file(storage, options, 0);
  ConsumeQueue queue(1, &file);
  append(queue, 10 * kPage);
  Waiter waiter;
  QueueEntry entry;
  ASSERT_EQ(queue.peek(QueueIndex(3), entry, waiter), Peek::kReady);
  EXPECT_EQ(entry, entry_of(3));
}

TEST_F(ConsumeQueueTest, several_waiters_share_one_read_and_a_forgotten_one_is_not_told) {
  QueueFile file(storage, options, 0);
  ConsumeQueue queue(1, &file);
  append(queue, 10 * kPage);
  settle();
  const uint64_t steps = storage.steps();
  Waiter waiters[4];
  QueueEntry entry;
  for (Waiter& waiter : waiters) {
    EXPECT_EQ(queue.peek(QueueIndex(9), entry, waiter), Peek::kPending);
    EXPECT_EQ(queue.peek(QueueIndex(9), entry, waiter), Peek::kPending);
  }
  queue.forget(waiters[1]);
  // A waiter may go while another one is told.
  waiters[2].then = [&] { queue.forget(waiters[3]); };
  settle();
  EXPECT_EQ(storage.steps() - steps, 1u);
  EXPECT_EQ(waiters[0].told, 1);
  EXPECT_EQ(waiters[1].told, 0);
  EXPECT_EQ(waiters[2].told, 1);
  EXPECT_EQ(waiters[3].told, 0);
}

TEST_F(ConsumeQueueTest, reads_the_next_page_ahead_of_a_sequential_reader) {
  QueueFile file(storage, options, 0);
  ConsumeQueue queue(1, &file);
  append(queue, 10 * kPage);
  settle();
  QueueEntry entry;
  ASSERT_EQ(read(queue, 0, entry), Peek::kReady);
  settle();
  Waiter waiter;
  EXPECT_EQ(queue.peek(QueueIndex(kPage), entry, waiter), Peek::kReady);
  EXPECT_EQ(entry, entry_of(kPage));
}

TEST_F(ConsumeQueueTest, every_reader_gets_through_a_cache_of_one_page) {
  options.cached_pages_max = 1;
  QueueFile file(storage, options, 0);
  ConsumeQueue queue(1, &file);
  append(queue, 20 * kPage);
  settle();
  struct Reader {
    Waiter waiter;
    uint64_t cursor = 0;
  };
  Reader readers[8];
  std::vector<Reader*> ready;
  for (uint64_t i = 0; i < 8; ++i) {
    readers[i].cursor = i * kPage;
    readers[i].waiter.then = [&, i] { ready.push_back(&readers[i]); };
    ready.push_back(&readers[i]);
  }
  while (!ready.empty()) {
    for (Reader* reader : std::exchange(ready, {})) {
      QueueEntry entry;
      while (reader->cursor < queue.end().value() &&
             queue.peek(QueueIndex(reader->cursor), entry, reader->waiter) == Peek::kReady) {
        ASSERT_EQ(entry, entry_of(reader->cursor));
        ++reader->cursor;
      }
    }
    while (ready.empty() && world.step()) {
    }
  }
  for (const Reader& reader : readers) EXPECT_EQ(reader.cursor, queue.end().value());
}

TEST_F(ConsumeQueueTest, a_trimmed_page_is_never_written) {
  options.writes_max = 1;
  QueueFile file(storage, options, 0);
  ConsumeQueue queue(1, &file);
  append(queue, 50 * kPage);  // one write under way, the rest has to wait
  queue.trim(QueueIndex(49 * kPage));
  settle();
  EXPECT_EQ(file.next_address(), 1u);
  expect_all(queue);
}

TEST_F(ConsumeQueueTest, a_waiter_of_a_page_trimmed_while_it_is_read_is_told_all_the_same) {
  QueueFile file(storage, options, 0);
  ConsumeQueue queue(1, &file);
  append(queue, 10 * kPage);
  settle();
  Waiter waiter, forgotten;
  QueueEntry entry;
  ASSERT_EQ(queue.peek(QueueIndex(0), entry, waiter), Peek::kPending);
  ASSERT_EQ(queue.peek(QueueIndex(0), entry, forgotten), Peek::kPending);
  queue.trim(QueueIndex(5 * kPage));
  queue.forget(forgotten);
  settle();
  EXPECT_EQ(waiter.told, 1);
  EXPECT_EQ(forgotten.told, 0);
}

TEST_F(ConsumeQueueTest, a_queue_may_go_with_reads_and_writes_under_way) {
  QueueFile file(storage, options, 0);
  auto queue = std::make_unique<ConsumeQueue>(1, &file);
  append(*queue, 10 * kPage);
  settle();
  append(*queue, 10 * kPage);
  Waiter waiter;
  QueueEntry entry;
  ASSERT_EQ(queue->peek(QueueIndex(0), entry, waiter), Peek::kPending);
  queue->forget(waiter);
  queue.reset();
  settle();
  EXPECT_EQ(waiter.told, 0);
  EXPECT_TRUE(file.idle());
}

TEST_F(ConsumeQueueTest, a_damaged_page_is_gone_and_reported_once) {
  QueueFile file(storage, options, 0);
  ConsumeQueue queue(1, &file);
  append(queue, 10 * kPage);
  settle();
  storage.flip_bit(first_file(), 2 * kQueuePageBytes + 1000, 3);
  storage.make_unreadable(first_file(), 4 * kQueuePageBytes);
  for (uint64_t i = 0; i < 10 * kPage; ++i) {
    QueueEntry entry;
    const bool lost = i / kPage == 2 || i / kPage == 4;
    ASSERT_EQ(read(queue, i, entry), lost ? Peek::kGone : Peek::kReady) << i;
    ASSERT_EQ(queue.page_end(QueueIndex(i)).value(), (i / kPage + 1) * kPage);
  }
  EXPECT_EQ(file.damaged_pages(), 2u);
  EXPECT_EQ(reports.size(), 2u);
}

TEST_F(ConsumeQueueTest, a_page_of_another_queue_is_not_taken_for_its_own) {
  QueueFile file(storage, options, 0);
  ConsumeQueue queue(1, &file);
  ConsumeQueue other(2, &file);
  append(queue, 4 * kPage);
  append(other, 4 * kPage);
  settle();
  // One page of each lies in the file.
  const std::vector<std::byte> content = storage.content(first_file());
  ASSERT_EQ(content.size(), 2 * kQueuePageBytes);
  storage.overwrite(first_file(), 0, core::Bytes(content).subspan(kQueuePageBytes));
  QueueEntry entry;
  EXPECT_EQ(read(queue, 0, entry), Peek::kGone);
  EXPECT_EQ(read(queue, kPage, entry), Peek::kReady);
}

TEST_F(ConsumeQueueTest, keeps_pages_in_memory_while_the_disk_is_full_and_writes_them_later) {
  QueueFile file(storage, options, 0);
  ConsumeQueue queue(1, &file);
  ConsumeQueue idle(2, &file);
  append(idle, 3 * kPage + 1);
  settle();
  storage.options().capacity_bytes = storage.used_bytes();
  append(queue, 40 * kPage);
  settle();
  bool done = false;
  bool failed = false;
  file.sync(done, failed);
  storage.run_until(done);
  EXPECT_TRUE(failed);
  EXPECT_EQ(reports.size(), 1u) << "once, not for each page";
  expect_all(queue);

  storage.options().capacity_bytes = uint64_t{1} << 40;
  append(queue, 3000 * kPage);  // back-off counts filled pages
  settle();
  file.sync(done, failed);
  storage.run_until(done);
  EXPECT_FALSE(failed);
  EXPECT_LT(queue.memory_bytes(), 20 * kQueuePageBytes);
  expect_all(queue);
  EXPECT_EQ(reports.size(), 2u) << "that it works again";
  // Retried pages have later addresses than pages after them.
  queue.trim(QueueIndex(10 * kPage));
  EXPECT_LT(queue.oldest_page(), file.next_address());
}

TEST_F(ConsumeQueueTest, all_queues_together_keep_a_bounded_number_of_pages_in_memory) {
  options.resident_pages_max = 10;
  QueueFile file(storage, options, 0);
  std::vector<std::unique_ptr<ConsumeQueue>> queues;
  for (uint64_t id = 0; id < 100; ++id) {
    queues.push_back(std::make_unique<ConsumeQueue>(id, &file));
    append(*queues.back(), 2 * kPage + 1);
  }
  settle();
  size_t bytes = 0;
  for (const auto& queue : queues) bytes += queue->memory_bytes() - kQueuePageBytes;
  EXPECT_LE(bytes, 12 * kQueuePageBytes + 100 * 512);
  for (const auto& queue : queues) expect_all(*queue);
}

TEST_F(ConsumeQueueTest, a_checkpoint_brings_back_pages_on_disk_in_memory_and_the_tail) {
  std::vector<std::byte> image;
  uint64_t next = 0;
  {
    QueueFile file(storage, options, 0);
    ConsumeQueue queue(42, &file);
    append(queue, 30 * kPage + 77);
    queue.trim(QueueIndex(4 * kPage + 9));
    settle();
    append(queue, 3 * kPage);  // being written while the image is made
    queue.serialize(image);
    next = file.next_address();
    bool done = false;
    bool failed = false;
    file.sync(done, failed);
    storage.run_until(done);
    ASSERT_FALSE(failed);
  }
  storage.crash();
  storage.restart();
  QueueFile file(storage, options, next);
  core::Bytes in(image);
  auto queue = ConsumeQueue::deserialize(in, &file);
  ASSERT_TRUE(queue) << queue.error().message;
  EXPECT_TRUE(in.empty());
  EXPECT_EQ((*queue)->id(), 42u);
  EXPECT_EQ((*queue)->begin(), QueueIndex(4 * kPage + 9));
  EXPECT_EQ((*queue)->end(), QueueIndex(33 * kPage + 77));
  expect_all(**queue);
  append(**queue, 10 * kPage);
  settle();
  EXPECT_GT(file.next_address(), next);
  expect_all(**queue);
}

TEST_F(ConsumeQueueTest, a_checkpoint_remembers_damage) {
  QueueFile file(storage, options, 0);
  ConsumeQueue queue(42, &file);
  append(queue, 5 * kPage);
  settle();
  storage.flip_bit(first_file(), 100, 0);
  QueueEntry entry;
  ASSERT_EQ(read(queue, 0, entry), Peek::kGone);
  std::vector<std::byte> image;
  queue.serialize(image);
  core::Bytes in(image);
  auto copy = ConsumeQueue::deserialize(in, &file);
  ASSERT_TRUE(copy);
  Waiter waiter;
  EXPECT_EQ((*copy)->peek(QueueIndex(3), entry, waiter), Peek::kGone);
}

TEST_F(ConsumeQueueTest, refuses_every_image_that_is_cut_short) {
  QueueFile file(storage, options, 0);
  ConsumeQueue queue(42, &file);
  append(queue, 4 * kPage + 3);
  settle();
  std::vector<std::byte> image;
  queue.serialize(image);
  for (size_t size = 0; size < image.size(); size += size < 100 ? 1 : 61) {
    core::Bytes in(image.data(), size);
    EXPECT_FALSE(ConsumeQueue::deserialize(in, &file)) << size;
  }
  core::Bytes in(image);
  EXPECT_FALSE(ConsumeQueue::deserialize(in, nullptr)) << "its pages are in no file";
  image[0] = std::byte{2};
  in = image;
  EXPECT_FALSE(ConsumeQueue::deserialize(in, &file)) << "a version that nobody wrote yet";
}

TEST_F(ConsumeQueueTest, stands_any_single_changed_byte_in_the_head_of_an_image) {
  QueueFile file(storage, options, 0);
  ConsumeQueue queue(42, &file);
  append(queue, 4 * kPage + 3);
  settle();
  std::vector<std::byte> image;
  queue.serialize(image);
  for (size_t at = 0; at < 80; ++at) {
    for (const unsigned value : {0u, 1u, 0x7fu, 0x80u, 0xffu}) {
      std::vector<std::byte> changed = image;
      changed[at] = static_cast<std::byte>(value);
      core::Bytes in(changed);
      const auto copy = ConsumeQueue::deserialize(in, &file);
      if (!copy) continue;
      EXPECT_LE((*copy)->begin(), (*copy)->end());
      std::vector<std::byte> again;
      (*copy)->serialize(again);
      EXPECT_LE(again.size(), changed.size());
    }
  }
}

TEST_F(ConsumeQueueTest, finds_the_first_entry_that_arrived_at_or_after) {
  ConsumeQueue queue(1, nullptr);
  append(queue, 3 * kPage + 9);
  queue.trim(QueueIndex(10));
  EXPECT_EQ(queue.lower_bound_in_memory(0), QueueIndex(10));
  EXPECT_EQ(queue.lower_bound_in_memory(300), QueueIndex(100));
  EXPECT_EQ(queue.lower_bound_in_memory(301), QueueIndex(101));
  EXPECT_EQ(queue.lower_bound_in_memory(3 * (3 * kPage + 8)), QueueIndex(3 * kPage + 8));
  EXPECT_EQ(queue.lower_bound_in_memory(1'000'000'000), queue.end());
}

TEST_F(ConsumeQueueTest, answers_begin_when_the_first_entry_that_arrived_after_lies_on_disk) {
  QueueFile file(storage, options, 0);
  ConsumeQueue queue(1, &file);
  append(queue, 10 * kPage);
  queue.trim(QueueIndex(5));
  settle();
  EXPECT_EQ(queue.lower_bound_in_memory(3 * kPage), QueueIndex(5));
  EXPECT_EQ(queue.lower_bound_in_memory(3 * (9 * kPage + 4)), QueueIndex(9 * kPage + 4));
}

TEST_F(ConsumeQueueTest, removes_index_files_whose_pages_nobody_needs) {
  options.file_bytes = 4 * kQueuePageBytes;
  QueueFile file(storage, options, 0);
  ConsumeQueue queue(1, &file);
  append(queue, 20 * kPage);
  settle();
  EXPECT_EQ(storage.files(kDirectory).size(), 5u);
  queue.trim(QueueIndex(9 * kPage));
  file.retire(queue.oldest_page());
  settle();
  EXPECT_EQ(storage.files(kDirectory).size(), 3u);
  EXPECT_FALSE(storage.exists(first_file()));
  expect_all(queue);
}

TEST_F(ConsumeQueueTest, a_missing_index_file_is_damage_and_does_not_come_back_empty) {
  options.file_bytes = 4 * kQueuePageBytes;
  std::vector<std::byte> image;
  uint64_t next = 0;
  {
    QueueFile file(storage, options, 0);
    ConsumeQueue queue(1, &file);
    append(queue, 20 * kPage);
    settle();
    queue.serialize(image);
    next = file.next_address();
  }
  const core::BlockingStorage blocking{storage};
  ASSERT_TRUE(blocking.remove(first_file()));
  QueueFile file(storage, options, next);
  core::Bytes in(image);
  auto queue = ConsumeQueue::deserialize(in, &file);
  ASSERT_TRUE(queue);
  QueueEntry entry;
  EXPECT_EQ(read(**queue, 0, entry), Peek::kGone);
  EXPECT_EQ(read(**queue, 4 * kPage, entry), Peek::kReady);
  EXPECT_FALSE(storage.exists(first_file()));
}

TEST_F(ConsumeQueueTest, sync_reports_a_disk_that_refuses_it) {
  QueueFile file(storage, options, 0);
  ConsumeQueue queue(1, &file);
  append(queue, 10 * kPage);
  storage.plan_fault(DiskAction::kSync, 0, EIO);
  bool done = false;
  bool failed = false;
  file.sync(done, failed);
  storage.run_until(done);
  EXPECT_TRUE(failed);
  file.sync(done, failed);
  storage.run_until(done);
  EXPECT_FALSE(failed);
}

TEST_F(ConsumeQueueTest, pages_lie_in_the_file_as_the_format_says) {
  QueueFile file(storage, options, 0);
  ConsumeQueue queue(0x1122334455667788, &file);
  append(queue, 3 * kPage + 1);
  settle();
  const std::vector<std::byte> content = storage.content(first_file());
  ASSERT_GE(content.size(), kQueuePageBytes);
  EXPECT_EQ(core::load_le<uint64_t>(&content[8]), 0x1122334455667788u);
  EXPECT_EQ(core::load_le<uint64_t>(&content[16]), 0u);
  EXPECT_EQ(core::load_le<uint32_t>(&content[24]), 254u);
  EXPECT_EQ(core::as_text(core::Bytes(content).subspan(28, 4)), "PSPQ");
  EXPECT_EQ(core::load_le<uint64_t>(&content[32 + 16]), 3u << 16 | 7u) << "arrival 3, log 7";
  EXPECT_EQ(core::load_le<uint64_t>(&content[32 + 24]), 8u << 12 | 1u) << "offset 64, QoS 1";
  EXPECT_EQ(core::load_le<uint64_t>(&content[0]), 0xd0b34240bc64907e) << "golden checksum";
}

}  // namespace
}  // namespace penstock::log
