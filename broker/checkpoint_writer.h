// CheckpointWriter: brings a checkpoint to the disk while the shard goes on: remove a leftover, open, write in pieces,
// sync, sync the queue pages, wait for the log, rename, sync the directory. One step at a time. One thread, the
// shard's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/storage.h"
#include "log/consume_queue.h"

namespace penstock::broker {

class CheckpointWriter final : private core::StorageOperation {
 public:
  CheckpointWriter(core::Storage& storage, std::string directory);
  // Waits for what is under way; the checkpoint stays unfinished.
  ~CheckpointWriter();
  CheckpointWriter(const CheckpointWriter&) = delete;

  bool busy() const { return stage_ != Stage::kIdle; }
  // Requires !busy(). `content`: the whole file.
  void start(std::vector<std::byte> content, log::QueueFile* queue_file);
  // Once per turn while busy(). `log_is_there`: the log is durable up to the position of the checkpoint.
  // True once when it has ended.
  bool step(bool log_is_there);
  // Of the last one that ended. A failure leaves the older checkpoint in place and has been reported.
  bool succeeded() const { return succeeded_; }

 private:
  enum class Stage : uint8_t {
    kIdle,
    kRemoving,
    kOpening,
    kWriting,
    kSyncing,
    kSyncingPages,
    kRenaming,
    kSyncingDirectory,
    kEnded
  };

  void complete(int32_t result) override;
  void advance(int32_t result);
  core::StorageOperation& operation();
  void write_next();
  void fail(const char* doing, int error);

  core::Storage& storage_;
  const std::string directory_;
  const std::string path_;
  const std::string temporary_path_;
  std::vector<std::byte> content_;
  log::QueueFile* queue_file_ = nullptr;
  core::FileId file_ = core::kNoFile;
  size_t written_ = 0;
  Stage stage_ = Stage::kIdle;
  bool pages_synced_ = true;  // no sync of queue pages is under way
  bool pages_failed_ = false;
  bool succeeded_ = false;
  bool abandoned_ = false;  // no further step
  bool at_rest_ = true;     // nothing of the file is with the storage
};

}  // namespace penstock::broker
