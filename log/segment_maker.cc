#include "log/segment_maker.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include "core/check.h"
#include "log/file_names.h"

namespace penstock::log {

std::string SegmentMaker::path() const {
  return path_in(settings_.directory, kNextSegmentName);
}

void SegmentMaker::refuse_direct() {
  if (direct_ && settings_.report) {
    settings_.report("the file system of " + settings_.directory +
                     " refuses O_DIRECT: buffered writes and fdatasync instead, each commit costs more");
  }
  direct_ = false;
}

void SegmentMaker::make(uint64_t begin, uint64_t bytes) {
  CHECK(status_ != Status::kMaking && status_ != Status::kReady);
  status_ = Status::kMaking;
  settled_ = false;
  next_.emplace(Segment{.begin = begin, .end = begin + bytes, .name = std::string(kNextSegmentName)});
  next_->index = SegmentIndex(bytes);
  if (spare_bytes_ == bytes) {
    next_->recycled = true;
    chores_.rename(path_in(settings_.directory, kSpareSegmentName), path(), [this](int32_t result) {
      spare_bytes_ = 0;
      if (result < 0) return fail(result, "reusing a segment file");
      open_for_prewrite();
    });
    return;
  }
  // What an earlier attempt (or an earlier life) left there may have another size.
  chores_.remove(path(), [this](int32_t result) {
    if (result < 0 && result != -ENOENT) return fail(result, "removing an unused segment file");
    create();
  });
}

void SegmentMaker::create() {
  core::OpenMode mode = prewrite_mode();
  mode.create = true;
  chores_.open(path(), mode, [this](int32_t result) {
    if (result == -EINVAL && direct()) {
      refuse_direct();
      return create();
    }
    if (result < 0) return fail(result, "creating a segment file");
    next_->prewrite_file = core::FileId(result);
    allocate();
  });
}

void SegmentMaker::allocate() {
  chores_.allocate(next_->prewrite_file, next_->bytes(), [this](int32_t result) {
    if (result < 0) return fail(result, "allocating a segment file");
    chores_.sync(next_->prewrite_file, [this](int32_t sync_result) {
      if (sync_result < 0) return fail(sync_result, "syncing a new segment file");
      sync_names();
    });
  });
}

void SegmentMaker::open_for_prewrite() {
  chores_.open(path(), prewrite_mode(), [this](int32_t result) {
    if (result < 0) return fail(result, "opening a segment file");
    next_->prewrite_file = core::FileId(result);
    sync_names();
  });
}

void SegmentMaker::sync_names() {
  chores_.sync_directory(settings_.directory, [this](int32_t result) {
    if (result < 0) return fail(result, "syncing the log's directory");
    open_for_commit();
  });
}

void SegmentMaker::open_for_commit() {
  chores_.open(path(), commit_mode(), [this](int32_t result) {
    if (result < 0) return fail(result, "opening a segment file");
    next_->commit_file = core::FileId(result);
    open_for_reads();
  });
}

void SegmentMaker::open_for_reads() {
  chores_.open(path(), {}, [this](int32_t result) {
    if (result < 0) return fail(result, "opening a segment file");
    next_->read_file = core::FileId(result);
    status_ = Status::kReady;
    settled_ = true;
    error_ = 0;
    settings_.changed();
  });
}

// Gives the half-made file back: its blocks may be what another log waits for.
void SegmentMaker::fail(int32_t result, const char* doing) {
  const int error = -result;
  if (error != error_ && settings_.report) {
    settings_.report(std::string(doing) + " in " + settings_.directory + ": " + std::strerror(error));
  }
  error_ = error;
  discard();
  status_ = error == ENOSPC || error == EDQUOT ? Status::kNoRoom : Status::kFailed;
  chores_.remove(path(), [this](int32_t) {
    settled_ = true;
    settings_.changed();
  });
}

void SegmentMaker::discard() {
  for (const core::FileId file : {next_->prewrite_file, next_->commit_file, next_->read_file}) {
    if (file != core::kNoFile) storage_.close(file);
  }
  next_.reset();
  status_ = Status::kNone;
}

Segment SegmentMaker::take() {
  CHECK(status_ == Status::kReady);
  status_ = Status::kNone;
  Segment segment = std::move(*next_);
  next_.reset();
  return segment;
}

}  // namespace penstock::log
