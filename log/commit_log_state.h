// The inside of a CommitLog: the append path, and what ties tail, group commit, segments and their makers together.
// Only commit_log.cc and commit_log_open.cc include this. One thread, the shard's.
#pragma once

#include <memory>
#include <string>

#include "core/mirrored_ring.h"
#include "log/commit_log.h"
#include "log/file_chores.h"
#include "log/group_commit.h"
#include "log/log_segments.h"
#include "log/prewriter.h"
#include "log/segment_catalog.h"
#include "log/segment_maker.h"

namespace penstock::log {

struct CommitLog::State final : CommitHandler {
  State(core::Storage& storage, core::Clock& clock, LogOptions options, Start start, LogProgressHandler& handler,
        core::MirroredRing ring);
  ~State();
  State(const State&) = delete;

  // --- start-up, commit_log_open.cc
  core::Status open(const Start& start);
  core::Status remove_unused(const SegmentCatalog& catalog, const Start& start);
  core::Status adopt_segments(const SegmentCatalog& catalog, const Start& start);
  core::Status open_active(const FoundSegment& found, uint64_t end);
  core::Status repair_header(const FoundSegment& found);
  core::Status load_partial_block(Segment& segment, uint64_t end);
  core::Status make_first_room();
  core::Status append_epoch_start();

  // --- the append path
  AppendRoom room_for(uint64_t bytes);
  Appended append(const RecordParts& parts);
  void roll();
  void enter_next_segment();
  void add_index_entry(uint64_t offset);
  void refresh_time();

  // --- once per turn, and from completions
  void end_turn(bool is_awaited);
  void start_write(bool is_awaited, int64_t now_ns);
  void every_second();
  void reclaim_tail();
  void update_room();
  void tell_if_room_came_back();
  void prepare_next();
  void advance_prewriting();
  void publish_ends();
  void finish_segments();
  void name_segment(Segment& segment);
  bool waits_for_readers() const;
  void dispose(const LogSegments::GivenUp& file);
  void continue_finish();
  uint64_t lowest_pin() const;
  uint64_t reclaimable_end() const;
  uint64_t durable_end() const;
  void report(const std::string& line) const {
    if (options.report) options.report(line);
  }

  void on_commit_advanced() override;
  void on_commit_failed(const std::string& what) override;
  void on_segment_settled();

  core::Storage& storage;
  core::Clock& clock;
  const LogOptions options;
  LogProgressHandler& handler;
  core::MirroredRing ring;
  SharedLog shared;
  FileChores chores;
  LogSegments segments;
  SegmentMaker maker;
  Prewriter prewriter;
  GroupCommit commit;

  uint64_t index_next_at = 0;  // = segments.active().index.next_at()
  uint64_t appended_end = 0;   // = commit.marks().appended(), here for the append path
  uint64_t room_end = 0;       // an append that ends here or before needs no other thought
  Sequence next_sequence;
  Epoch epoch = 0;
  int64_t wall_us = 0;      // of the last record
  bool time_fresh = false;  // read in this turn

  uint64_t reclaimed_end = 0;    // the tail before this offset may be overwritten
  uint64_t waiting_bytes = 0;    // of the record that found no room; 0: none
  uint64_t oversized_bytes = 0;  // a record that needs a segment larger than usual
  uint64_t keep_from = 0;
  int64_t next_second_ns = 0;
  int64_t next_write_ns = INT64_MAX;  // of what nobody waits for; INT64_MAX: there is none
  int64_t retry_make_ns = 0;
  bool naming = false;  // a rename of the active segment's file is under way
  bool naming_failed = false;
  bool* finished = nullptr;
  bool ready = false;  // open() is done: the handler may be called
};

}  // namespace penstock::log
