#include "log/record_format.h"

#include <gtest/gtest.h>

#include "core/random.h"
#include "tests/log/golden.h"

namespace penstock::log {
namespace {

// 8-byte aligned memory of a record, and nothing behind it, so that ASan sees a read too far.
class EncodedRecord {
 public:
  explicit EncodedRecord(const RecordParts& parts, Sequence sequence = Sequence(1), Epoch epoch = 1,
                         int64_t wall_us = 0, uint8_t log_flags = 0)
      : words_(padded_record_bytes(record_bytes(parts)) / 8, ~uint64_t{0}) {
    encode_record(parts, sequence, epoch, wall_us, data(), log_flags);
  }
  std::byte* data() { return reinterpret_cast<std::byte*>(words_.data()); }
  size_t size() const { return words_.size() * 8; }
  RecordCheck check() { return check_record(data(), size()); }
  RecordView view() { return RecordView(data()); }
  core::Bytes bytes() { return {data(), size()}; }

 private:
  std::vector<uint64_t> words_;
};

RecordParts golden_parts() {
  static constexpr std::byte kProperties[] = {std::byte{0x23}, std::byte{0x00}, std::byte{0x05}};
  return {.type = kMessage,
          .flags = 1 | kRecordRetain,
          .packet_id = 0x1234,
          .topic_hash = 0xa1b2c3d4,
          .publisher = "meter-7",
          .topic = "plant/1/temp",
          .properties = kProperties,
          .payload = core::as_bytes("21.5 C")};
}

TEST(RecordFormatTest, message_has_the_golden_bytes_of_version_1) {
  EncodedRecord record(golden_parts(), Sequence(42), 3, 1'700'000'000'123'456, kRecordStartsWrite);
  EXPECT_EQ(as_hex(record.bytes()), as_hex(golden_bytes("record_v1.hex")));
}

TEST(RecordFormatTest, golden_bytes_of_version_1_are_read) {
  const std::vector<std::byte> golden = golden_bytes("record_v1.hex");
  ASSERT_FALSE(golden.empty());
  ASSERT_EQ(check_record(golden.data(), golden.size()), RecordCheck::kValid);
  const RecordView view(golden.data());
  EXPECT_EQ(view.sequence(), Sequence(42));
  EXPECT_EQ(view.header().epoch, 3u);
  EXPECT_EQ(view.header().wall_us, 1'700'000'000'123'456);
  EXPECT_EQ(view.header().topic_hash, 0xa1b2c3d4);
  EXPECT_EQ(view.header().packet_id, 0x1234);
  EXPECT_EQ(view.qos(), 1);
  EXPECT_TRUE(view.retain());
  EXPECT_EQ(view.header().flags & kRecordStartsWrite, kRecordStartsWrite);
  EXPECT_EQ(view.publisher(), "meter-7");
  EXPECT_EQ(view.topic(), "plant/1/temp");
  EXPECT_EQ(core::as_text(view.properties()), std::string_view("\x23\x00\x05", 3));
  EXPECT_EQ(core::as_text(view.payload()), "21.5 C");
}

TEST(RecordFormatTest, topic_properties_and_payload_lie_in_wire_form) {
  EncodedRecord record(golden_parts());
  const std::string_view wire = core::as_text(record.view().wire());
  EXPECT_EQ(wire, std::string_view("\x00\x0cplant/1/temp\x23\x00\x05"
                                   "21.5 C",
                                   23));
}

TEST(RecordFormatTest, what_is_encoded_is_read_back_for_every_small_size) {
  core::SeededRandom random(7);
  std::string text(200, 0);
  for (char& c : text) c = static_cast<char>(random.next_u64());
  for (size_t bytes = 0; bytes < 140; ++bytes) {
    const std::string_view all(text);
    const RecordParts parts{.publisher = all.substr(1, bytes % 40),
                            .topic = all.substr(2, bytes % 70),
                            .properties = core::as_bytes(all.substr(3, bytes % 33)),
                            .payload = core::as_bytes(all.substr(4, bytes))};
    EncodedRecord record(parts, Sequence(bytes + 1), 2, 5);
    ASSERT_EQ(record.check(), RecordCheck::kValid) << bytes;
    const RecordView view = record.view();
    EXPECT_EQ(view.publisher(), parts.publisher);
    EXPECT_EQ(view.topic(), parts.topic);
    EXPECT_EQ(core::as_text(view.properties()), core::as_text(parts.properties));
    EXPECT_EQ(core::as_text(view.payload()), core::as_text(parts.payload));
    EXPECT_EQ(view.sequence(), Sequence(bytes + 1));
  }
}

TEST(RecordFormatTest, padding_is_zero_whatever_lay_there) {
  for (size_t bytes = 0; bytes < 8; ++bytes) {
    const std::string payload(bytes, 'p');
    EncodedRecord record({.topic = "t", .payload = core::as_bytes(payload)});
    for (size_t i = record.view().header().bytes; i < record.size(); ++i) EXPECT_EQ(record.data()[i], std::byte{0});
  }
}

TEST(RecordFormatTest, every_flipped_bit_is_found) {
  EncodedRecord record(golden_parts());
  const size_t bytes = record.view().header().bytes;
  for (size_t bit = 0; bit < bytes * 8; ++bit) {
    record.data()[bit / 8] ^= std::byte{1} << (bit % 8);
    EXPECT_NE(record.check(), RecordCheck::kValid) << "bit " << bit;
    record.data()[bit / 8] ^= std::byte{1} << (bit % 8);
  }
  EXPECT_EQ(record.check(), RecordCheck::kValid);
}

TEST(RecordFormatTest, zeros_are_empty_and_not_corrupt) {
  const std::vector<std::byte> zeros(4096);
  for (const size_t bytes : {size_t{0}, size_t{1}, size_t{8}, size_t{47}, size_t{48}, size_t{4096}}) {
    EXPECT_EQ(check_record(zeros.data(), bytes), RecordCheck::kEmpty) << bytes;
  }
}

TEST(RecordFormatTest, record_that_reaches_past_the_end_is_truncated_and_never_read_past_it) {
  EncodedRecord record(golden_parts());
  for (size_t bytes = 1; bytes < record.size(); ++bytes) {
    const std::vector<std::byte> cut(record.data(), record.data() + bytes);
    EXPECT_EQ(check_record(cut.data(), bytes), RecordCheck::kTruncated) << bytes;
  }
}

TEST(RecordFormatTest, impossible_lengths_are_corrupt) {
  const auto with = [](auto change) {
    EncodedRecord record(golden_parts());
    RecordHeader header = record.view().header();
    change(header);
    std::memcpy(record.data(), &header, sizeof header);
    return record.check();
  };
  EXPECT_EQ(with([](RecordHeader& h) { h.bytes = 47; }), RecordCheck::kCorrupt);
  EXPECT_EQ(with([](RecordHeader& h) { h.bytes = kRecordBytesMax + 1; }), RecordCheck::kCorrupt);
  EXPECT_EQ(with([](RecordHeader& h) { h.publisher_bytes = 65'535; }), RecordCheck::kCorrupt);
  EXPECT_EQ(with([](RecordHeader& h) { h.topic_bytes = 65'535; }), RecordCheck::kCorrupt);
  EXPECT_EQ(with([](RecordHeader& h) { h.properties_bytes = UINT32_MAX; }), RecordCheck::kCorrupt);
}

}  // namespace
}  // namespace penstock::log
