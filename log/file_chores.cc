#include "log/file_chores.h"

#include <cerrno>
#include <utility>

#include "core/check.h"

namespace penstock::log {

void FileChores::open(std::string path, core::OpenMode mode, Then then) {
  add({.kind = Kind::kOpen, .path = std::move(path), .mode = mode, .then = std::move(then)});
}

void FileChores::allocate(core::FileId file, uint64_t bytes, Then then) {
  add({.kind = Kind::kAllocate, .file = file, .bytes = bytes, .then = std::move(then)});
}

void FileChores::sync(core::FileId file, Then then) {
  add({.kind = Kind::kSync, .file = file, .then = std::move(then)});
}

void FileChores::rename(std::string from, std::string to, Then then) {
  add({.kind = Kind::kRename, .path = std::move(from), .path_to = std::move(to), .then = std::move(then)});
}

void FileChores::remove(std::string path, Then then) {
  add({.kind = Kind::kRemove, .path = std::move(path), .then = std::move(then)});
}

void FileChores::sync_directory(std::string path, Then then) {
  add({.kind = Kind::kSyncDirectory, .path = std::move(path), .then = std::move(then)});
}

void FileChores::write_file(std::string path, std::vector<std::byte> content, Then then) {
  add({.kind = Kind::kWriteFile,
       .path = std::move(path),
       .mode = {.write = true, .create = true},
       .file = core::kNoFile,
       .content = std::move(content),
       .then = std::move(then)});
}

void FileChores::add(Chore chore) {
  CHECK_LT(chores_.size(), kPendingMax);
  chores_.push_back(std::move(chore));
  if (!idle_) return;
  idle_ = false;
  start();
}

void FileChores::start() {
  Chore& chore = chores_.front();
  switch (chore.kind) {
    case Kind::kOpen:
    case Kind::kWriteFile:
      return storage_.open(chore.path, chore.mode, *this);
    case Kind::kAllocate:
      return storage_.allocate(chore.file, 0, chore.bytes, *this);
    case Kind::kSync:
      return storage_.sync(chore.file, *this);
    case Kind::kRename:
      return storage_.rename(chore.path, chore.path_to, *this);
    case Kind::kRemove:
      return storage_.remove(chore.path, *this);
    case Kind::kSyncDirectory:
      return storage_.sync_directory(chore.path, *this);
  }
}

void FileChores::complete(int32_t result) {
  Chore& front = chores_.front();
  if (front.kind == Kind::kWriteFile && continue_write_file(front, result)) return;
  const Then then = std::move(front.then);
  chores_.pop_front();
  // The next one starts before `then` runs, unless there is none: what `then` adds comes last either way.
  const bool more = !chores_.empty();
  if (more) start();
  if (then) then(result);
  if (!more && chores_.empty()) {
    idle_ = true;
  } else if (!more) {
    start();
  }
}

// The steps of kWriteFile after its open; true when one more was started.
bool FileChores::continue_write_file(Chore& chore, int32_t& result) {
  if (chore.file == core::kNoFile) {
    if (result < 0) return false;
    chore.file = core::FileId(result);
  } else if (result <= 0) {
    storage_.close(chore.file);
    if (result == 0) result = -EIO;
    return false;
  } else {
    chore.bytes += static_cast<uint64_t>(result);
  }
  if (chore.bytes == chore.content.size()) {
    storage_.close(chore.file);
    result = 0;
    return false;
  }
  storage_.write(chore.file, chore.bytes, core::Bytes(chore.content).subspan(chore.bytes), *this);
  return true;
}

}  // namespace penstock::log
