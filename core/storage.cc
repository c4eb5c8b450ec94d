#include "core/storage.h"

namespace penstock::core {
namespace {

struct Waiter final : StorageOperation {
  void complete(int32_t value) override {
    result = value;
    done = true;
  }
  int32_t result = 0;
  bool done = false;
};

template <typename Start>
int32_t run(Storage& storage, Start start) {
  Waiter waiter;
  start(waiter);
  storage.run_until(waiter.done);
  return waiter.result;
}

Status status_of(int32_t result, std::string_view doing, std::string_view object = {}) {
  if (result < 0) return system_error(-result, doing, object);
  return {};
}

}  // namespace

Result<FileId> BlockingStorage::open(const std::string& path, OpenMode mode) const {
  const int32_t result = run(storage, [&](StorageOperation& op) { storage.open(path, mode, op); });
  if (result < 0) return system_error(-result, "opening", path);
  return FileId(result);
}

Result<size_t> BlockingStorage::read(FileId file, uint64_t offset, MutableBytes into) const {
  size_t total = 0;
  while (total < into.size()) {
    const int32_t result =
        run(storage, [&](StorageOperation& op) { storage.read(file, offset + total, into.subspan(total), op); });
    if (result < 0) return system_error(-result, "reading a file");
    if (result == 0) break;
    total += static_cast<size_t>(result);
  }
  return total;
}

Status BlockingStorage::write(FileId file, uint64_t offset, Bytes from) const {
  while (!from.empty()) {
    const int32_t result = run(storage, [&](StorageOperation& op) { storage.write(file, offset, from, op); });
    if (result < 0) return system_error(-result, "writing a file");
    if (result == 0) return failure("writing a file: no progress");
    offset += static_cast<uint64_t>(result);
    from = from.subspan(static_cast<size_t>(result));
  }
  return {};
}

Status BlockingStorage::sync(FileId file) const {
  return status_of(run(storage, [&](StorageOperation& op) { storage.sync(file, op); }), "syncing a file");
}

Status BlockingStorage::allocate(FileId file, uint64_t offset, uint64_t bytes) const {
  return status_of(run(storage, [&](StorageOperation& op) { storage.allocate(file, offset, bytes, op); }),
                   "allocating file space");
}

Status BlockingStorage::rename(const std::string& from, const std::string& to) const {
  return status_of(run(storage, [&](StorageOperation& op) { storage.rename(from, to, op); }), "renaming", from);
}

Status BlockingStorage::remove(const std::string& path) const {
  return status_of(run(storage, [&](StorageOperation& op) { storage.remove(path, op); }), "removing", path);
}

Status BlockingStorage::sync_directory(const std::string& path) const {
  return status_of(run(storage, [&](StorageOperation& op) { storage.sync_directory(path, op); }), "syncing directory",
                   path);
}

}  // namespace penstock::core
