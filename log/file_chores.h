// FileChores: the rare work on the files of a log (create, rename, remove, sync a directory), one after the other in
// the order asked for, each from the storage's poll. So a later chore may rely on the effect of an earlier one, also
// after a crash. One thread, the shard's. Never on the path of a message.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "core/storage.h"

namespace penstock::log {

class FileChores final : public core::StorageOperation {
 public:
  // `result` as StorageOperation::complete has it. May ask for more chores: they run after those already asked for.
  using Then = std::function<void(int32_t result)>;

  explicit FileChores(core::Storage& storage) : storage_(storage) {}
  FileChores(const FileChores&) = delete;

  void open(std::string path, core::OpenMode mode, Then then);
  void allocate(core::FileId file, uint64_t bytes, Then then);
  void sync(core::FileId file, Then then);
  void rename(std::string from, std::string to, Then then);
  void remove(std::string path, Then then);
  void sync_directory(std::string path, Then then);
  // Creates the file (or overwrites it) and writes `content`; not synced.
  void write_file(std::string path, std::vector<std::byte> content, Then then);

  // For run_until: true when nothing is to be done.
  const bool& idle() const { return idle_; }
  size_t pending() const { return chores_.size(); }

  static constexpr size_t kPendingMax = 256;

 private:
  enum class Kind : uint8_t { kOpen, kAllocate, kSync, kRename, kRemove, kSyncDirectory, kWriteFile };
  struct Chore {
    Kind kind;
    std::string path;
    std::string path_to;
    core::OpenMode mode;
    core::FileId file;
    uint64_t bytes = 0;
    std::vector<std::byte> content;
    Then then;
  };

  void complete(int32_t result) override;
  void add(Chore chore);
  void start();
  bool continue_write_file(Chore& chore, int32_t& result);

  core::Storage& storage_;
  std::deque<Chore> chores_;  // the first one is under way
  bool idle_ = true;
};

}  // namespace penstock::log
