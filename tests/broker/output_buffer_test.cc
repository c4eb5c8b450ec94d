// OutputBuffer: bytes leave in the order in which they were encoded, and blocks come back.
#include "broker/output_buffer.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <string>

namespace penstock::broker {
namespace {

class OutputBufferTest : public testing::Test {
 protected:
  ~OutputBufferTest() override { buffer_.clear(pool_); }

  void put(const std::string& bytes) {
    std::memcpy(buffer_.reserve(pool_, bytes.size()), bytes.data(), bytes.size());
    buffer_.commit(bytes.size());
  }
  // What one send takes.
  std::string sent() {
    std::string bytes;
    for (const iovec& each : buffer_.begin_send(vectors_))
      bytes.append(static_cast<char*>(each.iov_base), each.iov_len);
    return bytes;
  }

  static constexpr size_t kBlock = OutputBlockPool::kBlockBytes - sizeof(OutputBlock);
  OutputBlockPool pool_;
  OutputBuffer buffer_;
  std::array<iovec, 64> vectors_;
};

TEST_F(OutputBufferTest, is_empty_and_holds_no_block_at_first) {
  EXPECT_TRUE(buffer_.empty());
  EXPECT_FALSE(buffer_.sending());
  EXPECT_EQ(buffer_.waiting_bytes(), 0u);
}

TEST_F(OutputBufferTest, sends_what_was_encoded_in_order) {
  put("one");
  put("two");
  EXPECT_EQ(buffer_.waiting_bytes(), 6u);
  EXPECT_EQ(sent(), "onetwo");
  EXPECT_TRUE(buffer_.sending());
  EXPECT_EQ(buffer_.waiting_bytes(), 0u);
  buffer_.end_send(pool_);
  EXPECT_TRUE(buffer_.empty());
}

TEST_F(OutputBufferTest, counts_only_what_was_committed_of_a_reservation) {
  std::memcpy(buffer_.reserve(pool_, 100), "short", 5);
  buffer_.commit(5);
  put("er");
  EXPECT_EQ(sent(), "shorter");
}

TEST_F(OutputBufferTest, takes_new_packets_while_a_send_is_under_way) {
  put("first");
  const std::string first = sent();
  put("second");
  EXPECT_TRUE(buffer_.sending());
  EXPECT_EQ(buffer_.waiting_bytes(), 6u);
  buffer_.end_send(pool_);
  EXPECT_FALSE(buffer_.empty());
  EXPECT_EQ(first + sent(), "firstsecond");
}

TEST_F(OutputBufferTest, never_splits_a_packet_over_two_blocks) {
  put(std::string(kBlock - 10, 'a'));
  put(std::string(20, 'b'));
  const auto blocks = buffer_.begin_send(vectors_);
  ASSERT_EQ(blocks.size(), 2u);
  EXPECT_EQ(blocks[0].iov_len, kBlock - 10);
  EXPECT_EQ(blocks[1].iov_len, 20u);
}

TEST_F(OutputBufferTest, has_a_block_of_its_own_for_a_packet_larger_than_one) {
  const std::string large(3 * OutputBlockPool::kBlockBytes, 'l');
  put("before");
  put(large);
  put("behind");
  EXPECT_EQ(sent(), "before" + large + "behind");
}

TEST_F(OutputBufferTest, gives_a_send_a_bounded_number_of_blocks_and_keeps_the_rest) {
  std::string all;
  for (size_t i = 0; i < OutputBuffer::kSendBlocksMax + 3; ++i) {
    all.append(kBlock, static_cast<char>('a' + i));
    put(std::string(kBlock, static_cast<char>('a' + i)));
  }
  const std::string first = sent();
  EXPECT_EQ(first.size(), OutputBuffer::kSendBlocksMax * kBlock);
  EXPECT_EQ(buffer_.waiting_bytes(), 3 * kBlock);
  buffer_.end_send(pool_);
  EXPECT_TRUE(first + sent() == all);
}

TEST_F(OutputBufferTest, takes_no_more_blocks_than_the_caller_has_room_for) {
  for (int i = 0; i < 3; ++i) put(std::string(kBlock, 'x'));
  EXPECT_EQ(buffer_.begin_send(std::span(vectors_).first(2)).size(), 2u);
  EXPECT_EQ(buffer_.waiting_bytes(), kBlock);
}

TEST_F(OutputBufferTest, forgets_what_waits_and_what_is_being_sent_when_cleared) {
  put("sent");
  sent();
  put("waits");
  buffer_.clear(pool_);
  EXPECT_TRUE(buffer_.empty());
  EXPECT_EQ(buffer_.waiting_bytes(), 0u);
  put("new");
  EXPECT_EQ(sent(), "new");
}

TEST_F(OutputBufferTest, uses_the_blocks_that_came_back) {
  put("x");
  const void* const block = buffer_.begin_send(vectors_)[0].iov_base;
  buffer_.end_send(pool_);
  put("y");
  EXPECT_EQ(buffer_.begin_send(vectors_)[0].iov_base, block);
}

TEST_F(OutputBufferTest, gives_a_large_block_back_to_the_heap_and_not_to_the_next_packet) {
  OutputBlock* const large = pool_.take(kBlock + 1);
  EXPECT_EQ(large->capacity, kBlock + 1);
  pool_.give_back(large);
  OutputBlock* const next = pool_.take(1);
  EXPECT_EQ(next->capacity, kBlock);
  EXPECT_EQ(next->used, 0u);
  pool_.give_back(next);
}

}  // namespace
}  // namespace penstock::broker
