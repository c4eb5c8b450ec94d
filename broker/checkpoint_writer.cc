#include "broker/checkpoint_writer.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/check.h"
#include "core/diagnostics.h"

namespace penstock::broker {
namespace {

constexpr size_t kWriteBytes = 1u << 20;

}  // namespace

CheckpointWriter::CheckpointWriter(core::Storage& storage, std::string directory)
    : storage_(storage),
      directory_(std::move(directory)),
      path_(directory_ + "/checkpoint"),
      temporary_path_(path_ + ".new") {}

void CheckpointWriter::start(std::vector<std::byte> content, log::QueueFile* queue_file) {
  CHECK(!busy());
  content_ = std::move(content);
  queue_file_ = queue_file;
  written_ = 0;
  succeeded_ = false;
  pages_synced_ = pages_failed_ = false;
  queue_file_->sync(pages_synced_, pages_failed_);
  stage_ = Stage::kRemoving;
  storage_.remove(temporary_path_, operation());
}

// This object, which has an operation under way from now on.
core::StorageOperation& CheckpointWriter::operation() {
  at_rest_ = false;
  return *this;
}

void CheckpointWriter::complete(int32_t result) {
  at_rest_ = true;
  if (!abandoned_) return advance(result);
  if (stage_ == Stage::kOpening && result >= 0) file_ = core::FileId(result);
}

CheckpointWriter::~CheckpointWriter() {
  abandoned_ = true;
  storage_.run_until(at_rest_);
  storage_.run_until(pages_synced_);
  if (file_ != core::kNoFile) storage_.close(file_);
}

void CheckpointWriter::advance(int32_t result) {
  switch (stage_) {
    case Stage::kRemoving:
      // What is left of another one may be longer, and its end would stand behind the new one.
      if (result < 0 && result != -ENOENT) return fail("removing what was left of", -result);
      stage_ = Stage::kOpening;
      storage_.open(temporary_path_, {.write = true, .create = true}, operation());
      return;
    case Stage::kOpening:
      if (result < 0) return fail("opening", -result);
      file_ = core::FileId(result);
      stage_ = Stage::kWriting;
      return write_next();
    case Stage::kWriting:
      if (result <= 0) return fail("writing", result < 0 ? -result : EIO);
      written_ += static_cast<size_t>(result);
      return write_next();
    case Stage::kSyncing:
      if (result < 0) return fail("syncing", -result);
      storage_.close(file_);
      file_ = core::kNoFile;
      stage_ = Stage::kSyncingPages;  // step() goes on
      return;
    case Stage::kRenaming:
      if (result < 0) return fail("renaming", -result);
      stage_ = Stage::kSyncingDirectory;
      storage_.sync_directory(directory_, operation());
      return;
    case Stage::kSyncingDirectory:
      if (result < 0) return fail("syncing the directory of", -result);
      succeeded_ = true;
      stage_ = Stage::kEnded;
      return;
    case Stage::kIdle:
    case Stage::kSyncingPages:
    case Stage::kEnded:
      CHECK(false);
  }
}

void CheckpointWriter::write_next() {
  if (written_ == content_.size()) {
    stage_ = Stage::kSyncing;
    storage_.sync(file_, operation());
    return;
  }
  const size_t bytes = std::min(kWriteBytes, content_.size() - written_);
  storage_.write(file_, written_, core::Bytes(content_).subspan(written_, bytes), operation());
}

bool CheckpointWriter::step(bool log_is_there) {
  if (stage_ == Stage::kSyncingPages && pages_synced_) {
    if (pages_failed_) {
      fail("syncing queue pages for", EIO);
    } else if (log_is_there) {
      stage_ = Stage::kRenaming;
      storage_.rename(temporary_path_, path_, operation());
    }
  }
  // The flags of the page sync must not be written after a failure has ended the rest.
  if (stage_ != Stage::kEnded || !pages_synced_) return false;
  stage_ = Stage::kIdle;
  std::vector<std::byte>().swap(content_);
  return true;
}

void CheckpointWriter::fail(const char* doing, int error) {
  core::log_line(core::LogLevel::kError, std::string(doing) + " the checkpoint " + path_ + ": " + std::strerror(error) +
                                             "; the older one stays");
  if (file_ != core::kNoFile) storage_.close(std::exchange(file_, core::kNoFile));
  stage_ = Stage::kEnded;
}

}  // namespace penstock::broker
