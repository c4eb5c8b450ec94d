// SimStorage, the other half: what crashes leave, and the disk as tests see it from outside.
#include <cerrno>

#include "core/check.h"
#include "tests/sim/sim_storage.h"

namespace penstock::sim {

void SimStorage::crash() {
  crash_is_kill_ = false;
  halt();
}

void SimStorage::kill() {
  crash_is_kill_ = true;
  halt();
}

// What was under way may have got anywhere between nothing and its end.
void SimStorage::leave_in_flight(Pending& pending) {
  core::SeededRandom& random = world_.random();
  switch (pending.action) {
    case DiskAction::kWrite:
      if (random.chance(3, 4)) {
        uint64_t room = room_blocks();
        const uint64_t backed = pending.file->take_blocks(pending.offset, pending.bytes, room);
        pending.file->write_in_flight(pending.offset, core::Bytes(pending.from_at_start).first(backed), random);
      }
      return;
    case DiskAction::kOpen:
    case DiskAction::kAllocate:
    case DiskAction::kRename:
    case DiskAction::kRemove:
    case DiskAction::kSyncDirectory:
      if (random.chance(1, 2)) execute(pending);
      return;
    case DiskAction::kRead:
    case DiskAction::kSync:
      return;  // the lottery of what was not synced covers it
  }
}

void SimStorage::halt() {
  CHECK(!halted_);
  world_.trace(crash_is_kill_ ? "disk KILL" : "disk CRASH", "", static_cast<int64_t>(steps_),
               static_cast<int64_t>(pending_.size()));
  for (auto& [id, pending] : pending_) {
    leave_in_flight(pending);
    ghosts_.push_back(pending.op);
  }
  pending_.clear();
  open_.clear();
  halted_ = true;
  crash_at_ = UINT64_MAX;
  if (crash_is_kill_) return;

  core::SeededRandom& random = world_.random();
  CrashOdds odds{.torn_sector_per_million = options_.torn_sector_per_million};
  // All lost and all kept are as likely as everything between: each finds other mistakes.
  odds.keep_of_16 = random.chance(1, 4) ? 0 : random.chance(1, 3) ? 16 : random.below(17);
  for (auto& [path, directory] : directories_) {
    const uint64_t kept = random.chance(odds.keep_of_16, 16) ? random.below(directory.changes.size() + 1) : 0;
    persist_changes(directory, directory.changes_durable + kept);
    directory.changes_durable += directory.changes.size();
    directory.changes.clear();
  }
  names_ = durable_names_;
  std::set<SimFile*> done;
  for (auto& [path, file] : names_) {
    file->set_path(path);
    if (done.insert(file.get()).second) file->crash(odds, random);
  }
}

void SimStorage::restart() {
  CHECK(halted_);
  world_.trace("disk restart", "");
  ghosts_.clear();
  halted_ = false;
}

void SimStorage::fail_ghosts() {
  std::vector<core::StorageOperation*> ghosts;
  ghosts.swap(ghosts_);
  for (core::StorageOperation* op : ghosts) op->complete(-EIO);
}

uint64_t SimStorage::used_bytes() const {
  std::set<const SimFile*> files;
  for (const auto& [path, file] : names_) files.insert(file.get());
  for (const auto& [id, open_file] : open_) files.insert(open_file.file.get());
  for (const auto& [id, pending] : pending_) {
    if (pending.file) files.insert(pending.file.get());
  }
  uint64_t blocks = 0;
  for (const SimFile* file : files) blocks += file->blocks();
  return blocks * kBlockBytes;
}

uint64_t SimStorage::room_blocks() const {
  const uint64_t used = used_bytes();
  return used >= options_.capacity_bytes ? 0 : (options_.capacity_bytes - used) / kBlockBytes;
}

uint64_t SimStorage::file_bytes(const std::string& path) const {
  return names_.at(path)->size();
}

std::vector<std::byte> SimStorage::content(const std::string& path) const {
  const FilePointer& file = names_.at(path);
  std::vector<std::byte> bytes(file->size());
  file->read(0, bytes);
  return bytes;
}

void SimStorage::put(const std::string& path, core::Bytes content) {
  const size_t slash = path.rfind('/');
  if (slash != std::string::npos && slash > 0) CHECK(make_directories(path.substr(0, slash)).has_value());
  const auto file = std::make_shared<SimFile>(path);
  uint64_t room = UINT64_MAX;
  file->take_blocks(0, content.size(), room);
  file->write(0, content, true);
  file->make_durable(file->sync_point());
  change_name({.from = {}, .name = path, .file = file});
  durable_names_[path] = file;
}

void SimStorage::overwrite(const std::string& path, uint64_t offset, core::Bytes from) {
  names_.at(path)->write(offset, from, true);
}

void SimStorage::flip_bit(const std::string& path, uint64_t offset, unsigned bit) {
  world_.trace("disk flips a bit", path, static_cast<int64_t>(offset), bit);
  names_.at(path)->flip_bit(offset, bit);
}

void SimStorage::make_unreadable(const std::string& path, uint64_t offset) {
  world_.trace("disk has a bad sector", path, static_cast<int64_t>(offset));
  names_.at(path)->set_bad(offset);
}

std::vector<std::string> SimStorage::files(const std::string& prefix) const {
  std::vector<std::string> found;
  for (const auto& [path, file] : names_) {
    if (path.starts_with(prefix)) found.push_back(path);
  }
  return found;
}

}  // namespace penstock::sim
