#include "tests/tools/log_maker.h"

#include <gtest/gtest.h>

#include "core/clock.h"
#include "log/file_names.h"
#include "log/recovery.h"

namespace penstock::test {

LogMaker::LogMaker(const std::string& data_directory, uint16_t id, uint64_t segment_bytes)
    : directory_(log::path_in(data_directory, log::log_directory_name(log::LogId(id)))),
      id_(id),
      segment_bytes_(segment_bytes) {
  auto ring = core::Ring::create({.submission_entries = 64, .completion_entries = 256});
  EXPECT_TRUE(ring) << ring.error().message;
  ring_ = std::move(*ring);
  storage_ = std::make_unique<core::RingStorage>(*ring_);
  EXPECT_TRUE(storage_->make_directories(directory_));
  const auto recovered = log::recover_log(*storage_, directory_, id_, log::LogOffset(0), [this](auto at, auto record) {
    if (at.value() / segment_bytes_ * segment_bytes_ != segment_begin_) {
      segment_begin_ = at.value() / segment_bytes_ * segment_bytes_;
      segment_sequence_ = record.sequence().value();
    }
    return true;
  });
  EXPECT_TRUE(recovered) << recovered.error().message;
  auto opened = log::CommitLog::open(*storage_, core::system_clock(),
                                     {.directory = directory_,
                                      .id = id_,
                                      .segment_bytes = segment_bytes,
                                      .tail_bytes = 4 << 20,
                                      .prewrite_bytes = 64 << 10},
                                     recovered->start, *this);
  EXPECT_TRUE(opened) << opened.error().message;
  log_ = std::move(*opened);
}

LogMaker::~LogMaker() {
  bool done = false;
  log_->finish(done);
  storage_->run_until(done);
}

LogMaker::Made LogMaker::record(const log::RecordParts& parts) {
  const uint64_t bytes = log::record_bytes(parts);
  while (log_->room_for(bytes) != log::AppendRoom::kRoom) {
    log_->end_turn();
    ring_->poll(1'000'000);
  }
  const log::Appended appended = log_->append(parts);
  const uint64_t offset = appended.offset.value();
  if (offset / segment_bytes_ * segment_bytes_ != segment_begin_) {
    segment_begin_ = offset / segment_bytes_ * segment_bytes_;
    segment_sequence_ = appended.sequence.value();
  }
  log_->end_turn();
  ring_->poll(0);
  return {.id = log::to_string(log::LogPosition{id_, log_->epoch(), appended.sequence}),
          .sequence = appended.sequence.value(),
          .offset = offset,
          .file = log::path_in(directory_, log::segment_file_name(log::Sequence(segment_sequence_))),
          .file_offset = offset - segment_begin_,
          .bytes = log::padded_record_bytes(bytes)};
}

LogMaker::Made LogMaker::message(std::string_view topic, std::string_view payload, std::string_view client,
                                 uint8_t qos) {
  return record(
      {.type = log::kMessage, .flags = qos, .publisher = client, .topic = topic, .payload = core::as_bytes(payload)});
}

void LogMaker::settle() {
  while (log_->synced_end() < log_->appended_end()) {
    log_->end_turn();
    ring_->poll(1'000'000);
  }
}

}  // namespace penstock::test
