#include "core/ring_storage.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

namespace penstock::core {
namespace {

constexpr mode_t kFileMode = 0640;
// One read or write moves at most this much; callers loop (a 32-bit length, and a completion is an int32).
constexpr size_t kTransferBytesMax = 1u << 30;

int open_flags(OpenMode mode) {
  int flags = O_CLOEXEC | (mode.write ? O_RDWR : O_RDONLY);
  if (mode.create) flags |= O_CREAT;
  if (mode.exclusive) flags |= O_EXCL;
  if (mode.direct) flags |= O_DIRECT;
  if (mode.dsync) flags |= O_DSYNC;
  return flags;
}

unsigned transfer_bytes(size_t size) {
  return static_cast<unsigned>(std::min(size, kTransferBytesMax));
}

// Turns the completion of one submission into the caller's; freed by itself. Files are not the hot path of messages:
// one small allocation per operation is far below the cost of the operation.
class Forward final : public RingOperation {
 public:
  explicit Forward(StorageOperation& op) : op_(op) {}
  void complete(int32_t result, uint32_t) override {
    StorageOperation& op = op_;
    delete this;
    op.complete(result);
  }

 private:
  StorageOperation& op_;
};

// open + fsync + close of a directory.
class DirectorySync final : public RingOperation {
 public:
  DirectorySync(Ring& ring, StorageOperation& op) : ring_(ring), op_(op) {}
  void complete(int32_t result, uint32_t) override {
    if (file_ < 0 && result >= 0) {
      file_ = result;
      io_uring_sqe* entry = ring_.prepare(*this);
      io_uring_prep_fsync(entry, file_, 0);
      return;
    }
    if (file_ >= 0) ::close(file_);
    StorageOperation& op = op_;
    delete this;
    op.complete(std::min(result, 0));
  }

 private:
  Ring& ring_;
  StorageOperation& op_;
  int file_ = -1;
};

}  // namespace

io_uring_sqe* RingStorage::prepare(StorageOperation& op) {
  return ring_.prepare(*new Forward(op));
}

void RingStorage::open(const std::string& path, OpenMode mode, StorageOperation& op) {
  io_uring_prep_openat(prepare(op), AT_FDCWD, path.c_str(), open_flags(mode), kFileMode);
}

void RingStorage::close(FileId file) {
  // On the spot: closing a file does not wait for its data.
  if (file != kNoFile) ::close(file.value());
}

void RingStorage::read(FileId file, uint64_t offset, MutableBytes into, StorageOperation& op) {
  io_uring_prep_read(prepare(op), file.value(), into.data(), transfer_bytes(into.size()), offset);
}

void RingStorage::write(FileId file, uint64_t offset, Bytes from, StorageOperation& op) {
  io_uring_prep_write(prepare(op), file.value(), from.data(), transfer_bytes(from.size()), offset);
}

void RingStorage::sync(FileId file, StorageOperation& op) {
  io_uring_prep_fsync(prepare(op), file.value(), IORING_FSYNC_DATASYNC);
}

void RingStorage::allocate(FileId file, uint64_t offset, uint64_t bytes, StorageOperation& op) {
  io_uring_prep_fallocate(prepare(op), file.value(), 0, static_cast<off_t>(offset), static_cast<off_t>(bytes));
}

void RingStorage::rename(const std::string& from, const std::string& to, StorageOperation& op) {
  io_uring_prep_renameat(prepare(op), AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), 0);
}

void RingStorage::remove(const std::string& path, StorageOperation& op) {
  io_uring_prep_unlinkat(prepare(op), AT_FDCWD, path.c_str(), 0);
}

void RingStorage::sync_directory(const std::string& path, StorageOperation& op) {
  io_uring_sqe* entry = ring_.prepare(*new DirectorySync(ring_, op));
  io_uring_prep_openat(entry, AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
}

void RingStorage::run_until(const bool& done) {
  while (!done) ring_.poll(-1);
}

Result<std::vector<std::string>> RingStorage::list(const std::string& directory) {
  std::error_code error;
  std::vector<std::string> names;
  for (std::filesystem::directory_iterator it(directory, error), end; !error && it != end; it.increment(error))
    names.push_back(it->path().filename().string());
  if (error) return system_error(error.value(), "listing", directory);
  std::sort(names.begin(), names.end());
  return names;
}

Status RingStorage::make_directories(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return system_error(error.value(), "making directory", path);
  return {};
}

Status RingStorage::remove_directory(const std::string& path) {
  if (::rmdir(path.c_str()) == 0 || errno == ENOENT) return {};
  return system_error(errno, "removing directory", path);
}

Result<uint64_t> RingStorage::size(FileId file) {
  struct stat status;
  if (fstat(file.value(), &status) != 0) return system_error(errno, "reading a file's size");
  return static_cast<uint64_t>(status.st_size);
}

Result<bool> RingStorage::try_lock(FileId file) {
  if (flock(file.value(), LOCK_EX | LOCK_NB) == 0) return true;
  if (errno == EWOULDBLOCK) return false;
  return system_error(errno, "locking a file");
}

}  // namespace penstock::core
