// QueueFile: the index files, what is on them byte by byte, damage, a disk that fails, files that nobody needs.
#include <gtest/gtest.h>

#include <cerrno>

#include "tests/log/consume_queue_harness.h"
#include "tests/log/golden.h"

namespace penstock::log {
namespace {

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

TEST_F(ConsumeQueueTest, a_disk_that_fails_for_a_moment_loses_no_page) {
  options.read_tries_max = 3;
  QueueFile file(storage, options, 0);
  ConsumeQueue queue(1, &file);
  append(queue, 10 * kPage);
  settle();
  storage.faults.read_error = 1'000'000;
  Waiter waiter;
  QueueEntry entry;
  ASSERT_EQ(queue.peek(QueueIndex(0), entry, waiter), Peek::kPending);
  settle();
  file.flush();
  settle();
  EXPECT_EQ(waiter.told, 0);
  storage.faults.read_error = 0;
  file.flush();
  settle();
  EXPECT_EQ(waiter.told, 1);
  expect_all(queue);
  EXPECT_EQ(file.damaged_pages(), 0u);
  EXPECT_EQ(reports.size(), 1u);
}

TEST_F(ConsumeQueueTest, a_page_that_comes_in_parts_is_whole) {
  QueueFile file(storage, options, 0);
  ConsumeQueue queue(1, &file);
  append(queue, 10 * kPage);
  settle();
  storage.faults.short_read = 1'000'000;
  expect_all(queue);
  EXPECT_EQ(file.damaged_pages(), 0u);
  EXPECT_EQ(reports.size(), 0u);
}

TEST_F(ConsumeQueueTest, a_page_that_the_disk_never_gives_is_gone_after_so_many_tries) {
  options.read_tries_max = 3;
  QueueFile file(storage, options, 0);
  ConsumeQueue queue(1, &file);
  append(queue, 10 * kPage);
  settle();
  storage.make_unreadable(first_file(), 0);
  Waiter waiter;
  QueueEntry entry;
  for (int tries = 1; tries < 3; ++tries) {
    ASSERT_EQ(queue.peek(QueueIndex(0), entry, waiter), Peek::kPending);
    settle();
    file.flush();
    settle();
  }
  EXPECT_EQ(waiter.told, 1);
  EXPECT_EQ(queue.peek(QueueIndex(0), entry, waiter), Peek::kGone);
  EXPECT_EQ(file.damaged_pages(), 1u);
}

TEST_F(ConsumeQueueTest, a_page_that_nobody_needs_any_more_is_not_waited_for) {
  options.read_tries_max = 100;
  QueueFile file(storage, options, 0);
  Waiter waiter;
  QueueEntry entry;
  for (const bool looks_again : {true, false}) {
    ConsumeQueue queue(1, &file);
    append(queue, 10 * kPage);
    settle();
    storage.faults.read_error = 1'000'000;
    ASSERT_EQ(queue.peek(QueueIndex(0), entry, waiter), Peek::kPending);
    settle();
    queue.trim(QueueIndex(kPage));
    if (!looks_again) break;  // the file goes with the page that it still wants to read
    file.flush();
    settle();
    EXPECT_EQ(waiter.told, 1);
    storage.faults.read_error = 0;
  }
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

// The golden page holds the entries 254 to 507 of its queue, and lies at address 1.
TEST_F(ConsumeQueueTest, a_page_has_the_golden_bytes_of_version_1_at_the_place_of_its_address) {
  QueueFile file(storage, options, 0);
  ConsumeQueue queue(0x1122334455667788, &file);
  append(queue, 4 * kPage + 1);
  settle();
  const std::vector<std::byte> content = storage.content(first_file());
  ASSERT_EQ(content.size(), 2 * kQueuePageBytes);
  EXPECT_EQ(as_hex(core::Bytes(content).subspan(kQueuePageBytes)), as_hex(golden_bytes("queue_page_v1.hex")));
}

TEST_F(ConsumeQueueTest, golden_bytes_of_a_page_of_version_1_are_read) {
  QueueFile file(storage, options, 0);
  ConsumeQueue queue(0x1122334455667788, &file);
  append(queue, 4 * kPage + 1);
  settle();
  // Nothing but the golden page is there now.
  std::vector<std::byte> content(kQueuePageBytes);
  const std::vector<std::byte> golden = golden_bytes("queue_page_v1.hex");
  content.insert(content.end(), golden.begin(), golden.end());
  storage.overwrite(first_file(), 0, content);
  QueueEntry entry;
  EXPECT_EQ(read(queue, 0, entry), Peek::kGone);
  for (uint64_t i = kPage; i < 2 * kPage; ++i) {
    ASSERT_EQ(read(queue, i, entry), Peek::kReady) << i;
    EXPECT_EQ(entry, entry_of(i));
  }
}

TEST_F(ConsumeQueueTest, pages_lie_in_the_file_and_at_the_place_that_their_address_tells) {
  options.file_bytes = 4 * kQueuePageBytes;
  QueueFile file(storage, options, 0);
  ConsumeQueue queue(1, &file);
  append(queue, 9 * kPage + 1);
  settle();
  ASSERT_EQ(file.next_address(), 7u);
  for (uint64_t address = 0; address < 7; ++address) {
    const std::string path = std::string(kDirectory) + "/queue-" + std::to_string(address / 4) + ".pages";
    const std::vector<std::byte> content = storage.content(path);
    const uint64_t at = address % 4 * kQueuePageBytes;
    ASSERT_GE(content.size(), at + kQueuePageBytes) << path;
    EXPECT_EQ(core::load_le<uint64_t>(&content[at + offsetof(QueuePage, first_index)]), address * kPage);
  }
}

TEST_F(ConsumeQueueTest, pages_go_out_in_batches_or_when_flushed) {
  options.batch_pages = 4;
  QueueFile file(storage, options, 0);
  ConsumeQueue queue(1, &file);
  append(queue, (options.pages_kept + 3) * kPage + 1);
  settle();
  EXPECT_TRUE(storage.files(kDirectory).empty()) << "three pages wait for a fourth";
  append(queue, kPage);
  settle();
  EXPECT_EQ(storage.content(first_file()).size(), 4 * kQueuePageBytes);
  append(queue, 2 * kPage);
  settle();
  EXPECT_EQ(storage.content(first_file()).size(), 4 * kQueuePageBytes);
  file.flush();
  settle();
  EXPECT_EQ(storage.content(first_file()).size(), 6 * kQueuePageBytes);
  expect_all(queue);
}

}  // namespace
}  // namespace penstock::log
