#include "log/segment_format.h"

#include <gtest/gtest.h>

#include <array>

#include "log/file_names.h"
#include "log/segment_index.h"
#include "tests/log/golden.h"

namespace penstock::log {
namespace {

using Block = std::array<std::byte, kSegmentHeaderBytes>;

SegmentHeader golden_header() {
  return {.log = 3,
          .flags = kSegmentRecycled,
          .first_sequence = 1'000'001,
          .begin = 0x20000000,
          .segment_bytes = 256u << 20,
          .epoch = 5,
          .created_us = 1'700'000'000'123'456,
          .previous_wall_us = 1'700'000'000'000'001};
}

Block encoded(const SegmentHeader& header) {
  Block block;
  block.fill(std::byte{0xff});
  encode_segment_header(header, block.data());
  return block;
}

TEST(SegmentFormatTest, header_has_the_golden_bytes_of_version_1) {
  const Block block = encoded(golden_header());
  EXPECT_EQ(as_hex(core::Bytes(block).first(sizeof(SegmentHeader))), as_hex(golden_bytes("segment_header_v1.hex")));
  EXPECT_EQ(std::memcmp(block.data(), block.data() + kSegmentHeaderCopyAt, kSegmentHeaderCopyAt), 0);
}

TEST(SegmentFormatTest, golden_bytes_of_version_1_are_read) {
  const std::vector<std::byte> golden = golden_bytes("segment_header_v1.hex");
  ASSERT_EQ(golden.size(), sizeof(SegmentHeader));
  Block block{};
  std::copy(golden.begin(), golden.end(), block.begin());
  std::copy(golden.begin(), golden.end(), block.begin() + kSegmentHeaderCopyAt);
  const DecodedHeader decoded = decode_segment_header(block);
  EXPECT_EQ(decoded.state, HeaderState::kGood);
  EXPECT_EQ(decoded.header.log, 3);
  EXPECT_EQ(decoded.header.first_sequence, 1'000'001u);
  EXPECT_EQ(decoded.header.begin, 0x20000000u);
  EXPECT_EQ(decoded.header.segment_bytes, 256u << 20);
  EXPECT_EQ(decoded.header.epoch, 5u);
  EXPECT_EQ(decoded.header.created_us, 1'700'000'000'123'456);
  EXPECT_EQ(decoded.header.previous_wall_us, 1'700'000'000'000'001);
}

TEST(SegmentFormatTest, one_damaged_copy_is_told_and_does_no_harm) {
  for (const size_t at : {size_t{20}, kSegmentHeaderCopyAt + 20}) {
    Block block = encoded(golden_header());
    block[at] ^= std::byte{4};
    const DecodedHeader decoded = decode_segment_header(block);
    EXPECT_EQ(decoded.state, HeaderState::kOneCopy);
    EXPECT_EQ(decoded.header.first_sequence, 1'000'001u);
  }
}

TEST(SegmentFormatTest, two_damaged_copies_are_damage_and_zeros_are_not) {
  Block block = encoded(golden_header());
  block[20] ^= std::byte{4};
  block[kSegmentHeaderCopyAt + 70] ^= std::byte{1};
  EXPECT_EQ(decode_segment_header(block).state, HeaderState::kDamaged);
  EXPECT_EQ(decode_segment_header(Block{}).state, HeaderState::kEmpty);
  EXPECT_EQ(decode_segment_header({}).state, HeaderState::kEmpty);
}

TEST(SegmentFormatTest, header_of_a_file_cut_within_the_block_is_read_from_its_first_copy) {
  const Block block = encoded(golden_header());
  EXPECT_EQ(decode_segment_header(core::Bytes(block).first(100)).state, HeaderState::kOneCopy);
  EXPECT_EQ(decode_segment_header(core::Bytes(block).first(50)).state, HeaderState::kDamaged);
}

TEST(SegmentFormatTest, impossible_sizes_are_damage_even_with_a_right_checksum) {
  SegmentHeader header = golden_header();
  header.segment_bytes = 4096;
  EXPECT_EQ(decode_segment_header(encoded(header)).state, HeaderState::kDamaged);
  header = golden_header();
  header.begin = 17;
  EXPECT_EQ(decode_segment_header(encoded(header)).state, HeaderState::kDamaged);
  header = golden_header();
  header.begin = ~uint64_t{0xfff};
  EXPECT_EQ(decode_segment_header(encoded(header)).state, HeaderState::kDamaged);
}

TEST(FileNamesTest, names_sort_by_sequence_and_read_back) {
  EXPECT_EQ(segment_file_name(Sequence(1)), "00000000000000000001.segment");
  EXPECT_EQ(segment_file_name(Sequence(UINT64_MAX)), "18446744073709551615.segment");
  EXPECT_LT(segment_file_name(Sequence(999)), segment_file_name(Sequence(1000)));
  EXPECT_EQ(parse_segment_file_name("00000000000000000042.segment"), Sequence(42));
  EXPECT_EQ(parse_index_file_name(index_file_name(Sequence(7))), Sequence(7));
  EXPECT_EQ(log_directory_name(LogId(3)), "log-3");
  EXPECT_EQ(parse_log_directory_name("log-65535"), LogId(65535));
}

TEST(FileNamesTest, other_names_are_not_ours) {
  for (const char* name :
       {"", "next.segment", "1.segment", "00000000000000000001.index", "-0000000000000000001.segment",
        "99999999999999999999.segment", "00000000000000000001.segment.old"}) {
    EXPECT_FALSE(parse_segment_file_name(name)) << name;
  }
  for (const char* name : {"", "log", "log-", "log-03", "log-65536", "log--1", "log-3x"}) {
    EXPECT_FALSE(parse_log_directory_name(name)) << name;
  }
}

TEST(PositionTest, message_id_has_one_spelling) {
  const LogPosition position{LogId(3), 1, Sequence(42)};
  EXPECT_EQ(to_string(position), "3-1-42");
  EXPECT_EQ(parse_position("3-1-42"), position);
  EXPECT_EQ(parse_position("65535-4294967295-18446744073709551615"),
            (LogPosition{LogId(65535), UINT32_MAX, Sequence(UINT64_MAX)}));
  for (const char* text : {"", "3", "3-1", "3-1-", "3-1-42 ", " 3-1-42", "3-1-42-1", "+3-1-42", "03-1-42", "65536-1-1",
                           "3-4294967296-1", "3-1-18446744073709551616", "3--1-42", "a-b-c"}) {
    EXPECT_FALSE(parse_position(text)) << text;
  }
}

TEST(SegmentIndexTest, finds_the_last_entry_not_behind_what_is_sought) {
  SegmentIndex index(1u << 20);
  index.add({.offset = 4096, .sequence = 10, .wall_us = 100});
  index.add({.offset = 70'000, .sequence = 20, .wall_us = 200});
  index.add({.offset = 140'000, .sequence = 30, .wall_us = 200});
  EXPECT_FALSE(index.before_sequence(Sequence(9)));
  EXPECT_EQ(index.before_sequence(Sequence(10))->offset, 4096u);
  EXPECT_EQ(index.before_sequence(Sequence(29))->offset, 70'000u);
  EXPECT_EQ(index.before_sequence(Sequence(1000))->offset, 140'000u);
  EXPECT_FALSE(index.before_time(100));
  EXPECT_EQ(index.before_time(200)->offset, 4096u);
  EXPECT_EQ(index.before_time(201)->offset, 140'000u);
}

TEST(SegmentIndexTest, file_has_the_golden_bytes_of_version_1) {
  SegmentIndex index(1u << 20);
  index.add({.offset = 4096, .sequence = 1, .wall_us = 1'700'000'000'000'000});
  index.add({.offset = 70'000, .sequence = 900, .wall_us = 1'700'000'000'500'000});
  EXPECT_EQ(as_hex(index.serialize(Sequence(1))), as_hex(golden_bytes("segment_index_v1.hex")));
}

TEST(SegmentIndexTest, file_reads_back_and_any_damage_makes_it_worthless) {
  SegmentIndex index(1u << 20);
  index.add({.offset = 4096, .sequence = 10, .wall_us = 100});
  index.add({.offset = 70'000, .sequence = 20, .wall_us = 200});
  std::vector<std::byte> file = index.serialize(Sequence(10));
  EXPECT_EQ(SegmentIndex::parse(file, Sequence(10))->entries(), index.entries());
  EXPECT_FALSE(SegmentIndex::parse(file, Sequence(11)));
  for (size_t bytes = 0; bytes < file.size(); ++bytes) {
    EXPECT_FALSE(SegmentIndex::parse(core::Bytes(file).first(bytes), Sequence(10))) << bytes;
  }
  for (size_t bit = 0; bit < file.size() * 8; ++bit) {
    file[bit / 8] ^= std::byte{1} << (bit % 8);
    EXPECT_FALSE(SegmentIndex::parse(file, Sequence(10))) << bit;
    file[bit / 8] ^= std::byte{1} << (bit % 8);
  }
}

}  // namespace
}  // namespace penstock::log
