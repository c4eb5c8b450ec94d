// The log on io_uring and a real file system: the same promises as on the simulated disk, as far as a test without a
// power cut can see them.
#include <gtest/gtest.h>

#include <filesystem>

#include "core/ring_storage.h"
#include "log/commit_log.h"
#include "log/file_names.h"
#include "log/recovery.h"
#include "tests/support/temp_dir.h"

namespace penstock::log {
namespace {

class RealDiskTest : public testing::Test, public LogProgressHandler {
 protected:
  void SetUp() override {
    auto ring = core::Ring::create({.submission_entries = 64, .completion_entries = 256});
    if (!ring) GTEST_SKIP() << ring.error().message;
    ring_ = std::move(*ring);
    storage_ = std::make_unique<core::RingStorage>(*ring_);
    options_ = {.directory = path_in(root_.path(), log_directory_name(LogId(1))),
                .id = LogId(1),
                .segment_bytes = 1u << 20,
                .tail_bytes = 1u << 20,
                .prewrite_bytes = 1u << 20,
                .report = [](const std::string& line) { std::cout << line << "\n"; }};
    ASSERT_TRUE(storage_->make_directories(options_.directory).has_value());
  }
  void TearDown() override {
    log_.reset();
    storage_.reset();
    ring_.reset();
  }
  void on_log_progress() override {}

  // Recovers (all payloads into `payloads_`) and opens.
  void start() {
    payloads_.clear();
    auto recovered =
        recover_log(*storage_, options_.directory, options_.id, LogOffset(0), [this](LogOffset, RecordView view) {
          if (view.header().type == kMessage) payloads_.emplace_back(core::as_text(view.payload()));
          return true;
        });
    ASSERT_TRUE(recovered.has_value()) << recovered.error().message;
    EXPECT_TRUE(recovered->damage.empty());
    auto opened = CommitLog::open(*storage_, core::system_clock(), options_, recovered->start, *this);
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    log_ = std::move(*opened);
  }

  void append(const std::string& payload) {
    const RecordParts parts{.topic = "real/disk", .payload = core::as_bytes(payload)};
    while (log_->room_for(record_bytes(parts)) != AppendRoom::kRoom) turn();
    log_->append(parts);
  }
  void turn() {
    log_->end_turn();
    ring_->poll(1'000'000);
  }

  void write_and_read_back(Durability durability) {
    options_.durability = durability;
    std::vector<std::string> expected;
    for (int life = 0; life < 3; ++life) {
      ASSERT_NO_FATAL_FAILURE(start());
      ASSERT_EQ(payloads_, expected);
      EXPECT_EQ(log_->epoch(), static_cast<Epoch>(life + 1));
      for (int i = 0; i < 3000; ++i) {
        expected.push_back(std::to_string(expected.size()) + std::string(static_cast<size_t>(i * 7 % 2000), 'x'));
        append(expected.back());
        if (i % 20 == 0) turn();
      }
      bool done = false;
      log_->finish(done);
      storage_->run_until(done);
      ASSERT_EQ(log_->synced_end(), log_->appended_end());
      log_.reset();
    }
  }

  const test::TempDir root_;
  std::unique_ptr<core::Ring> ring_;
  std::unique_ptr<core::RingStorage> storage_;
  LogOptions options_;
  std::unique_ptr<CommitLog> log_;
  std::vector<std::string> payloads_;
};

TEST_F(RealDiskTest, everything_is_there_after_restarts_with_sync) {
  write_and_read_back(Durability::kSync);
}
TEST_F(RealDiskTest, everything_is_there_after_restarts_with_write) {
  write_and_read_back(Durability::kWrite);
}
TEST_F(RealDiskTest, everything_is_there_after_restarts_with_memory) {
  write_and_read_back(Durability::kMemory);
}

TEST_F(RealDiskTest, open_segments_are_closed_with_the_log) {
  const auto open_files = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator());
  };
  const auto before = open_files();
  ASSERT_NO_FATAL_FAILURE(start());
  for (int i = 0; i < 5000; ++i) append(std::string(1000, 'x'));
  EXPECT_GT(open_files(), before);
  log_.reset();
  EXPECT_EQ(open_files(), before);
}

}  // namespace
}  // namespace penstock::log
