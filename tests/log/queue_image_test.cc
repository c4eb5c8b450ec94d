// A ConsumeQueue in a checkpoint: what comes back, its golden bytes, and what is refused.
#include <gtest/gtest.h>

#include <memory>

#include "tests/log/consume_queue_harness.h"
#include "tests/log/golden.h"

namespace penstock::log {
namespace {

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

class GoldenImageTest : public ConsumeQueueTest {
 protected:
  GoldenImageTest() { options.pages_kept = 1; }
  // What the golden image was taken of, but for the damage: its three pages lie on the disk, at addresses 1 and 2, and
  // in memory.
  std::unique_ptr<ConsumeQueue> make_queue(QueueFile& file) {
    auto queue = std::make_unique<ConsumeQueue>(42, &file);
    append(*queue, 4 * kPage);
    queue->trim(QueueIndex(300));
    append(*queue, 2);
    settle();
    return queue;
  }
};

TEST_F(GoldenImageTest, has_the_golden_bytes_of_version_1) {
  QueueFile file(storage, options, 0);
  const auto queue = make_queue(file);
  storage.flip_bit(first_file(), kQueuePageBytes + 100, 0);
  QueueEntry entry;
  ASSERT_EQ(read(*queue, 300, entry), Peek::kGone);
  std::vector<std::byte> image;
  queue->serialize(image);
  EXPECT_EQ(as_hex(image), as_hex(golden_bytes("queue_image_v1.hex")));
}

TEST_F(GoldenImageTest, golden_bytes_of_version_1_are_read) {
  QueueFile file(storage, options, 0);
  const auto written = make_queue(file);
  const std::vector<std::byte> golden = golden_bytes("queue_image_v1.hex");
  core::Bytes in(golden);
  const auto queue = ConsumeQueue::deserialize(in, &file);
  ASSERT_TRUE(queue) << queue.error().message;
  EXPECT_TRUE(in.empty());
  EXPECT_EQ((*queue)->id(), 42u);
  EXPECT_EQ((*queue)->begin(), QueueIndex(300));
  EXPECT_EQ((*queue)->end(), QueueIndex(4 * kPage + 2));
  QueueEntry entry;
  for (uint64_t i = 300; i < 4 * kPage + 2; ++i) {
    ASSERT_EQ(read(**queue, i, entry), i < 2 * kPage ? Peek::kGone : Peek::kReady) << i;
    if (i < 2 * kPage) continue;
    EXPECT_EQ(entry, entry_of(i));
  }
}

}  // namespace
}  // namespace penstock::log
