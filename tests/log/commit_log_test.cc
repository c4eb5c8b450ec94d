#include "log/commit_log.h"

#include <gtest/gtest.h>

#include "log/segment_format.h"
#include "tests/log/log_harness.h"
#include "tests/sim/world_on_failure.h"

namespace penstock::log {
namespace {

class CommitLogTest : public testing::Test {
 protected:
  sim::SimWorld world_{1};
  sim::SimStorage disk_{world_};
};

TEST_F(CommitLogTest, new_log_begins_with_an_epoch_record_that_is_durable) {
  LogHarness harness(world_, disk_, small_log());
  ASSERT_TRUE(harness.start()) << harness.violation;
  EXPECT_EQ(harness.log->epoch(), 1u);
  EXPECT_EQ(harness.log->next_sequence(), Sequence(2));
  EXPECT_EQ(harness.log->synced_end(), harness.log->appended_end());
  EXPECT_EQ(harness.log->begin(), LogOffset(0));
}

TEST_F(CommitLogTest, record_is_readable_in_the_tail_before_it_is_durable) {
  LogHarness harness(world_, disk_, small_log());
  ASSERT_TRUE(harness.start());
  const auto at = harness.log->append({.publisher = "me", .topic = "a/b", .payload = core::as_bytes("hello")});
  EXPECT_LT(harness.log->durable_end().value(), at.end);
  const RecordView view(harness.log->shared().tail_at(at.offset.value()));
  EXPECT_EQ(check_record(view.data(), at.end - at.offset.value()), RecordCheck::kValid);
  EXPECT_EQ(view.topic(), "a/b");
  EXPECT_EQ(view.publisher(), "me");
  EXPECT_EQ(core::as_text(view.payload()), "hello");
  EXPECT_EQ(view.sequence(), at.sequence);
  EXPECT_GE(harness.log->shared().appended_end.load(), at.end);
}

TEST_F(CommitLogTest, acknowledges_only_after_the_write_completed) {
  LogHarness harness(world_, disk_, small_log());
  ASSERT_TRUE(harness.start());
  ASSERT_EQ(harness.append("a", "1"), AppendRoom::kRoom);
  const uint64_t before = harness.log->durable_end().value();
  harness.log->end_turn();
  EXPECT_EQ(harness.log->durable_end().value(), before);
  ASSERT_TRUE(harness.settle());
  EXPECT_EQ(harness.log->shared().durable_end.load(), harness.log->appended_end().value());
  EXPECT_GE(harness.progress_count, 1u);
}

// A write for each QoS 0 message would cost more than the message.
TEST_F(CommitLogTest, what_nobody_waits_for_is_written_in_one_piece_a_little_later) {
  LogOptions options = small_log();
  options.tail_bytes = options.segment_bytes = 4 * CommitLog::kLazyWriteBytes;
  LogHarness harness(world_, disk_, options);
  ASSERT_TRUE(harness.start());
  ASSERT_TRUE(harness.settle());
  harness.log->end_turn(false);
  EXPECT_EQ(harness.log->next_write_ns(), INT64_MAX);
  const uint64_t before = harness.log->writes_count();
  const int64_t due_ns = world_.clock().monotonic_ns() + CommitLog::kLazyWriteNs;
  for (int i = 0; i < 5; ++i) {
    ASSERT_EQ(harness.append("a", "1"), AppendRoom::kRoom);
    harness.log->end_turn(false);
    EXPECT_EQ(harness.log->next_write_ns(), due_ns);
    EXPECT_EQ(harness.log->writes_count(), before);
  }
  world_.run_for(due_ns - world_.clock().monotonic_ns());
  harness.log->end_turn(false);
  EXPECT_EQ(harness.log->writes_count(), before + 1);
  EXPECT_EQ(harness.log->next_write_ns(), INT64_MAX);
  world_.run_for(core::kNsPerSecond);
  EXPECT_EQ(harness.log->durable_end(), harness.log->appended_end());

  // Not longer than somebody begins to wait, and not when it is much.
  ASSERT_EQ(harness.append("a", "1"), AppendRoom::kRoom);
  harness.log->end_turn(false);
  EXPECT_EQ(harness.log->writes_count(), before + 1);
  harness.log->end_turn(true);
  EXPECT_EQ(harness.log->writes_count(), before + 2);
  world_.run_for(core::kNsPerSecond);
  const uint64_t written = harness.log->appended_end().value();
  while (harness.log->appended_end().value() - written < CommitLog::kLazyWriteBytes) {
    EXPECT_EQ(harness.log->writes_count(), before + 2);
    ASSERT_EQ(harness.append("a", std::string(4000, 'x')), AppendRoom::kRoom);
    harness.log->end_turn(false);
  }
  EXPECT_EQ(harness.log->writes_count(), before + 3);
}

TEST_F(CommitLogTest, everything_is_there_after_a_restart) {
  LogHarness harness(world_, disk_, small_log());
  ASSERT_TRUE(harness.start());
  for (int i = 0; i < 2000; ++i) {
    while (harness.append("topic/" + std::to_string(i), std::string(static_cast<size_t>(i % 400), 'x')) !=
           AppendRoom::kRoom) {
      harness.turn(3);
    }
  }
  bool done = false;
  harness.log->finish(done);
  world_.run_until(done);
  harness.note_acknowledged();
  harness.stop();
  ASSERT_TRUE(harness.start());
  EXPECT_EQ(harness.violation, "");
  EXPECT_EQ(harness.model.size(), 2000u);
  EXPECT_TRUE(harness.last.damage.empty());
  EXPECT_EQ(harness.log->epoch(), 2u);
}

// Appends until the log takes no more; the answer that it then gives.
AppendRoom fill(LogHarness& harness, size_t payload_bytes, uint64_t turns_max, uint64_t steps = 4) {
  AppendRoom room = AppendRoom::kRoom;
  for (uint64_t turns = 0; turns < turns_max; ++turns) {
    room = harness.append("t", std::string(payload_bytes, 'x'));
    if (room != AppendRoom::kRoom) harness.turn(steps);
    if (room == AppendRoom::kDiskFull || room == AppendRoom::kFailed) break;
  }
  return room;
}

TEST_F(CommitLogTest, full_tail_stops_appends_until_the_disk_catches_up) {
  LogHarness harness(world_, disk_, small_log());
  ASSERT_TRUE(harness.start());
  AppendRoom room = AppendRoom::kRoom;
  while (room == AppendRoom::kRoom) {
    room = harness.append("t", std::string(1000, 'x'));
    harness.log->end_turn();
  }
  EXPECT_EQ(room, AppendRoom::kTailFull);
  const uint64_t before = harness.progress_count;
  ASSERT_TRUE(harness.settle());
  for (int i = 0; i < 100 && harness.log->room_for(1000) != AppendRoom::kRoom; ++i) harness.turn(10);
  EXPECT_EQ(harness.log->room_for(1000), AppendRoom::kRoom);
  EXPECT_GT(harness.progress_count, before);
}

TEST_F(CommitLogTest, what_a_reader_pins_stays_in_the_tail) {
  LogHarness harness(world_, disk_, small_log());
  ASSERT_TRUE(harness.start());
  const auto at = harness.log->append({.topic = "pinned", .payload = core::as_bytes("keep me")});
  SharedLog& shared = harness.log->shared();
  shared.pins[5].offset.store(at.offset.value());
  for (int i = 0; i < 2000; ++i) {
    if (harness.append("t", std::string(1000, 'x')) != AppendRoom::kRoom) harness.turn(4);
  }
  EXPECT_EQ(harness.log->room_for(1000), AppendRoom::kTailFull);
  EXPECT_TRUE(harness.log->needs_turn());
  EXPECT_LT(harness.log->appended_end().value(), at.offset.value() + small_log().tail_bytes + 1);
  EXPECT_EQ(core::as_text(RecordView(shared.tail_at(at.offset.value())).payload()), "keep me");
  const uint64_t before = harness.progress_count;
  shared.pins[5].offset.store(kNotPinned);
  harness.turn(0);
  EXPECT_EQ(harness.log->room_for(1000), AppendRoom::kRoom);
  EXPECT_FALSE(harness.log->needs_turn());
  EXPECT_GT(harness.progress_count, before);
}

TEST_F(CommitLogTest, what_was_routed_to_another_shard_stays_in_the_tail) {
  LogHarness harness(world_, disk_, small_log());
  ASSERT_TRUE(harness.start());
  const auto at = harness.log->append({.topic = "routed"});
  harness.log->shared().routed[1].offset.store(at.offset.value());
  for (int i = 0; i < 2000; ++i) {
    if (harness.append("t", std::string(1000, 'x')) != AppendRoom::kRoom) harness.turn(4);
  }
  EXPECT_EQ(RecordView(harness.log->shared().tail_at(at.offset.value())).topic(), "routed");
}

TEST_F(CommitLogTest, most_of_the_tail_stays_readable) {
  LogHarness harness(world_, disk_, small_log());
  ASSERT_TRUE(harness.start());
  for (int i = 0; i < 3000; ++i) {
    if (harness.append("t", std::string(500, 'x')) != AppendRoom::kRoom) harness.turn(4);
    if (i % 10 == 0) harness.turn(4);
  }
  const uint64_t kept = harness.log->appended_end().value() - harness.log->shared().tail_begin.load();
  EXPECT_GT(harness.log->shared().tail_begin.load(), 0u);
  EXPECT_GE(kept, small_log().tail_bytes / 4);
}

TEST_F(CommitLogTest, full_disk_is_refused_and_service_returns_with_room) {
  disk_.options().capacity_bytes = 256u << 10;
  LogHarness harness(world_, disk_, small_log());
  ASSERT_TRUE(harness.start());
  ASSERT_EQ(fill(harness, 1000, 5000), AppendRoom::kDiskFull);
  ASSERT_TRUE(harness.settle());
  EXPECT_FALSE(harness.reports.empty());
  disk_.options().capacity_bytes = 1u << 20;
  const uint64_t before = harness.progress_count;
  for (int i = 0; i < 20; ++i) {
    world_.run_for(core::kNsPerSecond);
    harness.turn(10);
  }
  EXPECT_EQ(harness.log->room_for(1000), AppendRoom::kRoom);
  EXPECT_GT(harness.progress_count, before);
  ASSERT_EQ(harness.append("t", "after"), AppendRoom::kRoom);
  ASSERT_TRUE(harness.settle());
  harness.stop();
  ASSERT_TRUE(harness.start());
  EXPECT_EQ(harness.violation, "");
}

TEST_F(CommitLogTest, failed_write_is_final_and_said_once) {
  LogHarness harness(world_, disk_, small_log());
  ASSERT_TRUE(harness.start());
  ASSERT_EQ(harness.append("t", "1"), AppendRoom::kRoom);
  ASSERT_TRUE(harness.settle());
  const LogOffset durable = harness.log->durable_end();
  disk_.plan_fault(sim::DiskAction::kWrite, 0, EIO);
  for (int i = 0; i < 50; ++i) {
    harness.append("t", "2");
    harness.turn(4);
  }
  EXPECT_EQ(harness.log->room_for(1), AppendRoom::kFailed);
  EXPECT_EQ(harness.log->durable_end(), durable);
  EXPECT_EQ(harness.reports.size(), 1u);
  world_.run_for(10 * core::kNsPerSecond);
  harness.turn(4);
  EXPECT_EQ(harness.log->room_for(1), AppendRoom::kFailed);
  bool done = false;
  harness.log->finish(done);
  EXPECT_TRUE(done);
}

TEST_F(CommitLogTest, failed_sync_is_final_where_the_file_system_refuses_direct_writes) {
  disk_.options().refuse_direct = true;
  LogHarness harness(world_, disk_, small_log());
  ASSERT_TRUE(harness.start());
  EXPECT_EQ(harness.reports.size(), 1u) << "said once that O_DIRECT is refused";
  ASSERT_EQ(harness.append("t", "1"), AppendRoom::kRoom);
  ASSERT_TRUE(harness.settle());
  const LogOffset durable = harness.log->durable_end();
  for (int i = 0; i < 50; ++i) harness.turn(4);  // the next segment is made, which syncs, too
  ASSERT_EQ(harness.append("t", "2"), AppendRoom::kRoom);
  disk_.plan_fault(sim::DiskAction::kSync, 0, EIO);
  for (int i = 0; i < 50; ++i) harness.turn(4);
  EXPECT_EQ(harness.log->room_for(1), AppendRoom::kFailed);
  EXPECT_EQ(harness.log->durable_end(), durable);
}

TEST_F(CommitLogTest, record_larger_than_a_segment_gets_one_of_its_own_size) {
  LogOptions options = small_log();
  options.segment_bytes = 16u << 10;
  LogHarness harness(world_, disk_, options);
  ASSERT_TRUE(harness.start());
  for (const size_t bytes : {size_t{100}, size_t{50'000}, size_t{100}, size_t{30'000}, size_t{5'000}}) {
    for (int i = 0; i < 200 && harness.append("t", std::string(bytes, 'x')) != AppendRoom::kRoom; ++i) harness.turn(10);
  }
  EXPECT_EQ(harness.appended_count, 5u);
  ASSERT_TRUE(harness.settle());
  harness.stop();
  ASSERT_TRUE(harness.start());
  EXPECT_EQ(harness.violation, "");
  EXPECT_EQ(harness.model.size(), 5u);
}

TEST_F(CommitLogTest, size_of_segments_may_change_between_starts) {
  for (const uint64_t bytes : {16u << 10, 64u << 10, 32u << 10}) {
    LogOptions options = small_log();
    options.segment_bytes = bytes;
    LogHarness harness(world_, disk_, options);
    std::vector<uint64_t> sequences;
    const auto recovered =
        recover_log(disk_, options.directory, options.id, LogOffset(0), [&](LogOffset, RecordView view) {
          sequences.push_back(view.header().sequence);
          return true;
        });
    ASSERT_TRUE(recovered.has_value());
    for (size_t i = 0; i < sequences.size(); ++i) ASSERT_EQ(sequences[i], i + 1);
    EXPECT_TRUE(recovered->damage.empty());
    ASSERT_TRUE(harness.open(recovered->start));
    fill(harness, 1000, 200);
    ASSERT_TRUE(harness.settle());
  }
}

class RetentionTest : public CommitLogTest {
 protected:
  // Turns with a second between them, so that retention runs.
  void pass_seconds(LogHarness& harness, int seconds) {
    for (int i = 0; i < seconds; ++i) {
      world_.run_for(core::kNsPerSecond);
      harness.turn(20);
    }
  }
  size_t segment_files() const {
    size_t count = 0;
    for (const std::string& file : disk_.files("/data/log-3"))
      count += file.find("000") != std::string::npos && file.ends_with(".segment");
    return count;
  }
};

TEST_F(RetentionTest, removes_segments_whose_newest_record_is_too_old) {
  LogOptions options = small_log();
  options.retention_us = 100 * core::kUsPerSecond;
  LogHarness harness(world_, disk_, options);
  ASSERT_TRUE(harness.start());
  harness.log->keep_from(LogOffset(UINT64_MAX));
  fill(harness, 1000, 300);
  ASSERT_TRUE(harness.settle());
  const size_t before = segment_files();
  ASSERT_GE(before, 4u);
  pass_seconds(harness, 50);
  EXPECT_EQ(segment_files(), before);
  EXPECT_EQ(harness.log->begin(), LogOffset(0));
  pass_seconds(harness, 60);
  EXPECT_EQ(segment_files(), 1u);
  EXPECT_GT(harness.log->begin(), LogOffset(0));
  EXPECT_EQ(harness.log->shared().segments.load()->size(), 1u);
  for (const std::string& file : disk_.files("/data/log-3")) EXPECT_FALSE(file.ends_with(".index")) << file;
}

TEST_F(RetentionTest, by_size_keeps_the_newest_and_uses_files_again) {
  LogOptions options = small_log();
  options.retention_bytes = 4 * options.segment_bytes;
  LogHarness harness(world_, disk_, options);
  ASSERT_TRUE(harness.start());
  harness.log->keep_from(LogOffset(UINT64_MAX));
  for (int i = 0; i < 40; ++i) {
    fill(harness, 1000, 40);
    pass_seconds(harness, 1);
  }
  ASSERT_TRUE(harness.settle());
  pass_seconds(harness, 2);
  EXPECT_LE(segment_files(), 5u);
  EXPECT_LE(disk_.used_bytes(), 8 * options.segment_bytes);
  harness.stop();
  size_t recycled = 0;
  for (const std::string& file : disk_.files("/data/log-3")) {
    if (!file.ends_with(".segment")) continue;
    const auto header = decode_segment_header(core::Bytes(disk_.content(file)).first(kSegmentHeaderBytes));
    recycled += header.state == HeaderState::kGood && (header.header.flags & kSegmentRecycled) != 0;
  }
  EXPECT_GE(recycled, 1u);
  ASSERT_TRUE(harness.start());
  EXPECT_EQ(harness.violation, "");
}

TEST_F(RetentionTest, never_passes_what_a_start_up_needs) {
  LogOptions options = small_log();
  options.retention_us = core::kUsPerSecond;
  LogHarness harness(world_, disk_, options);
  ASSERT_TRUE(harness.start());
  fill(harness, 1000, 300);
  ASSERT_TRUE(harness.settle());
  pass_seconds(harness, 30);
  EXPECT_EQ(harness.log->begin(), LogOffset(0)) << "nothing said yet what may go";
  harness.log->keep_from(LogOffset(2 * options.segment_bytes + 5000));
  pass_seconds(harness, 30);
  EXPECT_EQ(harness.log->begin(), LogOffset(2 * options.segment_bytes));
}

TEST_F(RetentionTest, file_that_a_reader_may_use_stays_open_and_unchanged) {
  LogOptions options = small_log();
  options.retention_us = core::kUsPerSecond;
  LogHarness harness(world_, disk_, options);
  ASSERT_TRUE(harness.start());
  fill(harness, 1000, 300);
  ASSERT_TRUE(harness.settle());
  const auto list = harness.log->shared().segments.load();
  const core::BlockingStorage blocking{disk_};
  std::vector<std::byte> before(4096);
  ASSERT_TRUE(blocking.read(list->front().file, 8192, before).has_value());
  harness.log->keep_from(LogOffset(UINT64_MAX));
  pass_seconds(harness, 20);
  fill(harness, 1000, 300);
  pass_seconds(harness, 5);
  EXPECT_GT(harness.log->begin(), list->front().end);
  std::vector<std::byte> after(4096);
  ASSERT_TRUE(blocking.read(list->front().file, 8192, after).has_value());
  EXPECT_EQ(before, after);
}

TEST_F(CommitLogTest, record_times_never_go_back) {
  LogHarness harness(world_, disk_, small_log());
  ASSERT_TRUE(harness.start());
  int64_t newest = 0;
  for (int i = 0; i < 20; ++i) {
    const auto at = harness.log->append({.topic = "t"});
    const int64_t wall_us = RecordView(harness.log->shared().tail_at(at.offset.value())).header().wall_us;
    EXPECT_GE(wall_us, newest);
    newest = wall_us;
    world_.clock().jump_wall(i % 2 == 0 ? -10 * core::kUsPerSecond : 3 * core::kUsPerSecond);
    harness.turn(5);
  }
  ASSERT_TRUE(harness.settle());
  harness.stop();
  world_.clock().jump_wall(-3600 * core::kUsPerSecond);
  ASSERT_TRUE(harness.start());
  const auto at = harness.log->append({.topic = "t"});
  EXPECT_GE(RecordView(harness.log->shared().tail_at(at.offset.value())).header().wall_us, newest);
}

TEST_F(CommitLogTest, without_sync_a_power_cut_takes_at_most_what_a_second_brought) {
  LogOptions options = small_log();
  options.durability = Durability::kMemory;
  LogHarness harness(world_, disk_, options);
  ASSERT_TRUE(harness.start());
  ASSERT_EQ(harness.append("t", "1"), AppendRoom::kRoom);
  EXPECT_EQ(harness.log->durable_end(), harness.log->appended_end()) << "memory: acknowledged when appended";
  EXPECT_LT(harness.log->synced_end(), harness.log->appended_end());
  for (int i = 0; i < 4; ++i) {
    world_.run_for(core::kNsPerSecond);
    harness.turn(10);
  }
  EXPECT_EQ(harness.log->synced_end(), harness.log->appended_end());
}

TEST_F(CommitLogTest, zeros_are_written_ahead_and_never_over_records) {
  LogOptions options = small_log();
  options.prewrite_bytes = 48u << 10;
  LogHarness harness(world_, disk_, options);
  ASSERT_TRUE(harness.start());
  core::SeededRandom& random = world_.random();
  for (int i = 0; i < 3000; ++i) {
    harness.append("t", std::string(random.below(1500), 'x'));
    if (random.chance(1, 3)) harness.turn(random.below(4));
  }
  ASSERT_TRUE(harness.settle());
  harness.stop();
  ASSERT_TRUE(harness.start());
  EXPECT_EQ(harness.violation, "");
}

}  // namespace
}  // namespace penstock::log
