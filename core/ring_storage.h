// RingStorage: Storage on io_uring. Belongs to the thread of its Ring.
#pragma once

#include "core/ring.h"
#include "core/storage.h"

namespace penstock::core {

class RingStorage final : public Storage {
 public:
  explicit RingStorage(Ring& ring) : ring_(ring) {}

  void open(const std::string& path, OpenMode mode, StorageOperation& op) override;
  void close(FileId file) override;
  void read(FileId file, uint64_t offset, MutableBytes into, StorageOperation& op) override;
  void write(FileId file, uint64_t offset, Bytes from, StorageOperation& op) override;
  void sync(FileId file, StorageOperation& op) override;
  void allocate(FileId file, uint64_t offset, uint64_t bytes, StorageOperation& op) override;
  void rename(const std::string& from, const std::string& to, StorageOperation& op) override;
  void remove(const std::string& path, StorageOperation& op) override;
  void sync_directory(const std::string& path, StorageOperation& op) override;
  void run_until(const bool& done) override;
  Result<std::vector<std::string>> list(const std::string& directory) override;
  Status make_directories(const std::string& path) override;
  Status remove_directory(const std::string& path) override;
  Result<uint64_t> size(FileId file) override;
  Result<bool> try_lock(FileId file) override;

 private:
  io_uring_sqe* prepare(StorageOperation& op);
  Ring& ring_;
};

}  // namespace penstock::core
