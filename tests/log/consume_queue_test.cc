// ConsumeQueue: growth, paging out and back in, waiters. Crashes at any step are in tests/sim.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "tests/log/consume_queue_harness.h"

namespace penstock::log {
namespace {

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

TEST_F(ConsumeQueueTest, is_behind_until_what_is_being_written_has_ended) {
  options.resident_pages_max = 10;
  QueueFile file(storage, options, 0);
  std::vector<std::unique_ptr<ConsumeQueue>> queues;
  for (uint64_t id = 0; id < 15; ++id) queues.push_back(std::make_unique<ConsumeQueue>(id, &file));
  for (const auto& queue : queues) append(*queue, kPage + 1);
  EXPECT_FALSE(file.is_behind()) << "15 pages";
  for (const auto& queue : queues) append(*queue, kPage);
  EXPECT_TRUE(file.is_behind()) << "30 pages, and nothing has been written yet";
  settle();
  EXPECT_FALSE(file.is_behind());
  for (const auto& queue : queues) expect_all(*queue);
}

// Or all that waits for it would wait for ever.
TEST_F(ConsumeQueueTest, is_not_behind_while_the_disk_takes_no_pages) {
  options.resident_pages_max = 10;
  QueueFile file(storage, options, 0);
  storage.faults.write_error = 1'000'000;
  ConsumeQueue queue(1, &file);
  int writing = 0;
  for (int i = 0; i < 100; ++i) {
    append(queue, kPage);
    writing += i > 30 && !file.idle();
    EXPECT_FALSE(file.is_behind()) << i;
    settle();
  }
  EXPECT_GT(writing, 0) << "it tries again now and then";
  storage.faults.write_error = 0;
}

// They were in memory because the disk took none, and their queues may get nothing new.
TEST_F(ConsumeQueueTest, pages_restored_from_a_checkpoint_are_written) {
  options.resident_pages_max = 10;
  std::vector<std::byte> image;
  {
    QueueFile file(storage, options, 0);
    ConsumeQueue queue(1, &file);
    append(queue, 40 * kPage);
    queue.serialize(image);
    settle();
  }
  QueueFile file(storage, options, 0);
  core::Bytes in(image);
  auto queue = ConsumeQueue::deserialize(in, &file);
  ASSERT_TRUE(queue.has_value());
  const size_t before = (*queue)->memory_bytes();
  for (int i = 0; i < 10; ++i) {
    file.flush();
    settle();
  }
  EXPECT_LT((*queue)->memory_bytes(), before / 2);
  expect_all(**queue);
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

}  // namespace
}  // namespace penstock::log
