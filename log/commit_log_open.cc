#include <array>
#include <bit>
#include <cerrno>
#include <utility>

#include "core/check.h"
#include "log/commit_log_state.h"
#include "log/file_names.h"

namespace penstock::log {
namespace {

constexpr uint64_t kBlock = core::kDirectAlignment;

core::Status check_options(const LogOptions& options) {
  if (options.segment_bytes % kBlock != 0 || options.segment_bytes < 2 * kSegmentHeaderBytes) {
    return core::failure("the segment size must be a multiple of 4096, and at least 8192");
  }
  if (!std::has_single_bit(options.tail_bytes) || options.tail_bytes < 16 * kBlock) {
    return core::failure("the size of the log's tail must be a power of two, and at least 65536");
  }
  return {};
}

}  // namespace

CommitLog::State::State(core::Storage& storage_, core::Clock& clock_, LogOptions options_, Start start,
                        LogProgressHandler& handler_, core::MirroredRing ring_)
    : storage(storage_),
      clock(clock_),
      options(std::move(options_)),
      handler(handler_),
      ring(std::move(ring_)),
      chores(storage),
      segments(storage, shared),
      maker(storage, chores,
            {.directory = options.directory,
             .sync_writes = options.durability == Durability::kSync,
             .report = options.report,
             .changed = [this] { on_segment_settled(); }}),
      prewriter(storage, options.durability == Durability::kSync ? options.prewrite_bytes : 0,
                [this](int32_t) {
                  finish_segments();
                  if (!commit.idle() || commit.failed() || !ready) return;
                  commit.start(maker.direct());  // it may have waited for this write
                  advance_prewriting();
                }),
      commit(storage, ring, segments, prewriter, *this, {.sync_writes = options.durability == Durability::kSync}),
      next_sequence(start.next_sequence),
      epoch(start.epoch + 1),
      wall_us(start.last_wall_us) {
  shared.id = options.id;
  shared.epoch = epoch;
  shared.tail = ring.data();
  shared.tail_mask = ring.mask();
}

CommitLog::State::~State() {
  // No operation may find this object gone. What was appended and not yet written is lost, as in a crash.
  ready = false;
  finished = nullptr;
  storage.run_until(commit.idle());
  storage.run_until(prewriter.idle());
  storage.run_until(chores.idle());
  if (maker.status() == SegmentMaker::Status::kReady) maker.discard();
  segments.close_all();
}

core::Result<std::unique_ptr<CommitLog>> CommitLog::open(core::Storage& storage, core::Clock& clock, LogOptions options,
                                                         Start start, LogProgressHandler& handler) {
  RETURN_IF_ERROR(check_options(options));
  ASSIGN_OR_RETURN(core::MirroredRing ring, core::MirroredRing::create(options.tail_bytes));
  std::unique_ptr<CommitLog> log(new CommitLog());
  log->state_ = std::make_unique<State>(storage, clock, std::move(options), start, handler, std::move(ring));
  RETURN_IF_ERROR(log->state_->open(start));
  return log;
}

core::Status CommitLog::State::open(const Start& start) {
  ASSIGN_OR_RETURN(const SegmentCatalog catalog, find_segments(storage, options.directory, options.id));
  RETURN_IF_ERROR(remove_unused(catalog, start));
  RETURN_IF_ERROR(adopt_segments(catalog, start));
  RETURN_IF_ERROR(make_first_room());
  RETURN_IF_ERROR(append_epoch_start());
  ready = true;
  return {};
}

// Files that hold nothing of the log: made ahead and not used, or behind the end that recovery found.
core::Status CommitLog::State::remove_unused(const SegmentCatalog& catalog, const Start& start) {
  const core::BlockingStorage blocking{storage};
  ASSIGN_OR_RETURN(const std::vector<std::string> names, storage.list(options.directory));
  bool removed = false;
  for (const std::string& name : names) {
    bool used = name != kNextSegmentName && name != kSpareSegmentName;
    for (const FoundSegment& segment : catalog.segments) {
      if (segment.name == name) used = segment.begin() < start.end.value();
    }
    if (used) continue;
    RETURN_IF_ERROR(blocking.remove(path_in(options.directory, name)));
    removed = true;
  }
  if (removed) RETURN_IF_ERROR(blocking.sync_directory(options.directory));
  return {};
}

core::Status CommitLog::State::adopt_segments(const SegmentCatalog& catalog, const Start& start) {
  const core::BlockingStorage blocking{storage};
  const uint64_t end = start.end.value();
  for (const FoundSegment& found : catalog.segments) {
    if (found.begin() >= end) break;
    if (!segments.empty()) segments.active().newest_wall_us = found.header.previous_wall_us;
    Segment segment{.begin = found.begin(),
                    .end = found.end(),
                    .data_end = found.end(),
                    .first_sequence = Sequence(found.header.first_sequence),
                    .name = found.name,
                    .recycled = (found.header.flags & kSegmentRecycled) != 0};
    if (found.name == kNextSegmentName) {
      // The crash came before it got its name. Now, because the maker may want the place.
      segment.name = segment_file_name(segment.first_sequence);
      RETURN_IF_ERROR(
          blocking.rename(path_in(options.directory, found.name), path_in(options.directory, segment.name)));
      RETURN_IF_ERROR(blocking.sync_directory(options.directory));
    }
    ASSIGN_OR_RETURN(segment.read_file, blocking.open(path_in(options.directory, segment.name), {}));
    // What recovery has read may lie in the kernel only, after a kill: it counts as synced from here on.
    RETURN_IF_ERROR(blocking.sync(segment.read_file));
    segments.add(std::move(segment));
    if (found.end() >= end) RETURN_IF_ERROR(open_active(found, end));
  }
  commit.start_at(end);
  appended_end = end;
  reclaimed_end = core::align_down(end, kBlock);
  // What stands before the end in its block is there to be written once more, not to be read: some of it may be
  // damaged, and only what comes out of a file is checked.
  shared.tail_begin.store(end);
  shared.appended_end.store(end);
  publish_ends();
  prewriter.restart_at(core::align_up(end, kBlock));
  return {};
}

core::Status CommitLog::State::open_active(const FoundSegment& found, uint64_t end) {
  const core::BlockingStorage blocking{storage};
  Segment& active = segments.active();
  const std::string path = path_in(options.directory, active.name);
  auto opened = blocking.open(path, maker.commit_mode());
  if (!opened && opened.error().code == EINVAL && maker.direct()) {
    maker.refuse_direct();
    opened = blocking.open(path, maker.commit_mode());
  }
  if (!opened) return std::unexpected(opened.error());
  active.commit_file = *opened;
  ASSIGN_OR_RETURN(active.prewrite_file, blocking.open(path, maker.prewrite_mode()));
  active.data_end = UINT64_MAX;
  active.index = SegmentIndex(active.bytes());
  // A file cut short from outside would make the last block of a write fail for ever.
  if (found.file_bytes < active.bytes()) RETURN_IF_ERROR(blocking.allocate(active.prewrite_file, 0, active.bytes()));
  if (found.header_damaged) RETURN_IF_ERROR(repair_header(found));
  return load_partial_block(active, end);
}

core::Status CommitLog::State::repair_header(const FoundSegment& found) {
  const core::BlockingStorage blocking{storage};
  alignas(kBlock) std::array<std::byte, kSegmentHeaderBytes> block;
  SegmentHeader header = found.header;
  if (header.previous_wall_us == INT64_MAX) header.previous_wall_us = wall_us;
  encode_segment_header(header, block.data());
  RETURN_IF_ERROR(blocking.write(segments.active().commit_file, 0, block));
  return blocking.sync(segments.active().commit_file);
}

// The next write begins with the block in which the log ends, and must carry the same bytes in front of that end.
core::Status CommitLog::State::load_partial_block(Segment& segment, uint64_t end) {
  const uint64_t begin = core::align_down(end, kBlock);
  if (begin == end) return {};
  const core::BlockingStorage blocking{storage};
  ASSIGN_OR_RETURN(const size_t bytes,
                   blocking.read(segment.read_file, begin - segment.begin, {ring.at(begin), end - begin}));
  if (bytes != end - begin) return core::failure(segment.name + ": shorter than it was a moment ago");
  return {};
}

// Where the epoch's first record fits: in the active segment, or in a new one.
core::Status CommitLog::State::make_first_room() {
  const RecordParts parts{.type = kEpochStart};
  update_room();
  if (!segments.empty() && !segments.active().written_here()) {
    return core::failure(options.directory + ": the log ends at offset " + std::to_string(appended_end) +
                         ", where no segment is");
  }
  if (!segments.empty() && room_for(record_bytes(parts)) == AppendRoom::kRoom) return {};
  const uint64_t begin = segments.empty() ? core::align_up(appended_end, kBlock) : segments.active().end;
  maker.make(begin, options.segment_bytes);
  storage.run_until(maker.settled());
  if (maker.status() != SegmentMaker::Status::kReady) {
    return core::system_error(maker.error(), "making a segment in", options.directory);
  }
  return {};
}

// Waits until the record is on the disk: from then on this epoch is used up, and no later start can take it again for
// other records. Policies other than sync wait for a sync here, too.
core::Status CommitLog::State::append_epoch_start() {
  const RecordParts parts{.type = kEpochStart};
  if (segments.empty()) {
    enter_next_segment();
  } else if (room_for(record_bytes(parts)) != AppendRoom::kRoom) {
    return core::failure("no room for the first record in " + options.directory);
  }
  append(parts);
  bool done = false;
  finished = &done;
  continue_finish();
  storage.run_until(done);
  if (commit.marks().synced() != appended_end) {
    return core::failure("writing the first record in " + options.directory + " failed");
  }
  storage.run_until(chores.idle());
  segments.publish();
  waiting_bytes = 0;
  return {};
}

}  // namespace penstock::log
