// Storage: the seam to files. Every operation is asynchronous and completes on the thread that owns this Storage, from
// its poll; never inside the call that starts it. Production is RingStorage (io_uring); tests use a simulated disk that
// loses unsynced bytes, tears writes, flips bits, and answers EIO and ENOSPC.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "core/result.h"
#include "core/strong_id.h"

namespace penstock::core {

// An open file of the process. Any shard may use it; -1 is none.
struct FileTag;
using FileId = StrongId<FileTag, int32_t>;
constexpr FileId kNoFile{-1};

// One started operation. The caller owns it and keeps it, its buffer and its path alive until complete() was called.
// An Operation object can be started again from within complete(), not before.
class StorageOperation {
 public:
  // `result`: bytes moved, a file descriptor for open, 0 for the rest, or a negative errno.
  // A read or write may move fewer bytes than asked (end of file; disk full half way); the caller checks.
  virtual void complete(int32_t result) = 0;

 protected:
  ~StorageOperation() = default;
};

struct OpenMode {
  bool write = false;
  bool create = false;     // with `write`; a file that exists is kept unless `exclusive`
  bool exclusive = false;  // fail with EEXIST
  bool direct = false;     // O_DIRECT: address, offset and length are multiples of kDirectAlignment
  bool dsync = false;      // O_DSYNC: a completed write is durable
};

constexpr uint64_t kDirectAlignment = 4096;  // bytes; good for every disk in use

class Storage {
 public:
  virtual ~Storage() = default;

  virtual void open(const std::string& path, OpenMode mode, StorageOperation& op) = 0;
  virtual void close(FileId file) = 0;  // fire and forget
  virtual void read(FileId file, uint64_t offset, MutableBytes into, StorageOperation& op) = 0;
  virtual void write(FileId file, uint64_t offset, Bytes from, StorageOperation& op) = 0;
  virtual void sync(FileId file, StorageOperation& op) = 0;  // fdatasync
  virtual void allocate(FileId file, uint64_t offset, uint64_t bytes,
                        StorageOperation& op) = 0;  // fallocate, size grows
  virtual void rename(const std::string& from, const std::string& to, StorageOperation& op) = 0;
  virtual void remove(const std::string& path, StorageOperation& op) = 0;
  virtual void sync_directory(const std::string& path, StorageOperation& op) = 0;  // makes names in it durable

  // For start-up and the end only: drives completions on the calling thread until `done` is true.
  virtual void run_until(const bool& done) = 0;

  // The rest are synchronous and for start-up and tools only: they may wait for the disk.
  virtual Result<std::vector<std::string>> list(const std::string& directory) = 0;  // names of entries, sorted
  virtual Status make_directories(const std::string& path) = 0;
  // An empty one. None that is there: fine.
  virtual Status remove_directory(const std::string& path) = 0;
  virtual Result<uint64_t> size(FileId file) = 0;
  // Exclusive advisory lock held until the file is closed; false where another process holds it.
  virtual Result<bool> try_lock(FileId file) = 0;
};

// The asynchronous operations as plain calls, each driven to its end: for start-up, recovery and tools.
struct BlockingStorage {
  Storage& storage;

  Result<FileId> open(const std::string& path, OpenMode mode) const;
  Result<size_t> read(FileId file, uint64_t offset, MutableBytes into) const;  // short only at the end of the file
  Status write(FileId file, uint64_t offset, Bytes from) const;                // all of it, or an error
  Status sync(FileId file) const;
  Status allocate(FileId file, uint64_t offset, uint64_t bytes) const;
  Status rename(const std::string& from, const std::string& to) const;
  Status remove(const std::string& path) const;
  Status sync_directory(const std::string& path) const;
};

}  // namespace penstock::core
