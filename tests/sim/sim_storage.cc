#include "tests/sim/sim_storage.h"

#include <cerrno>
#include <cstring>

#include "core/check.h"

namespace penstock::sim {
namespace {

constexpr int64_t kSlowNs = 3 * core::kNsPerSecond;
constexpr const char* kActionNames[kDiskActions] = {"disk.open",   "disk.read",          "disk.write",
                                                    "disk.sync",   "disk.allocate",      "disk.rename",
                                                    "disk.remove", "disk.sync_directory"};
constexpr const char* kFailedNames[kDiskActions] = {
    "disk.open FAULT",     "disk.read FAULT",   "disk.write FAULT",  "disk.sync FAULT",
    "disk.allocate FAULT", "disk.rename FAULT", "disk.remove FAULT", "disk.sync_directory FAULT"};

std::string normal(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  for (size_t at; (at = path.find("//")) != std::string::npos;) path.erase(at, 1);
  return path;
}

std::string directory_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

SimStorage::SimStorage(SimWorld& world, DiskOptions options) : world_(world), options_(options) {
  directories_["/"];
  directories_["."];
}

SimStorage::~SimStorage() = default;

// --- Starting.

SimStorage::OpenFile& SimStorage::opened(core::FileId file) {
  const auto found = open_.find(file.value());
  if (found == open_.end()) world_.trace("disk: use of a file that is not open", "", file.value());
  CHECK(found != open_.end());
  return found->second;
}

void SimStorage::start(Pending pending) {
  const int64_t delay_max = met(faults.slow) ? kSlowNs : options_.latency_ns_max;
  const uint64_t id = next_pending_++;
  pending_.emplace(id, std::move(pending));
  world_.within(options_.latency_ns_min, delay_max, [this, alive = std::weak_ptr(alive_), id] {
    if (!alive.expired()) complete(id);
  });
}

void SimStorage::open(const std::string& path, core::OpenMode mode, core::StorageOperation& op) {
  if (halted_) return ghosts_.push_back(&op);
  start({.action = DiskAction::kOpen, .op = &op, .mode = mode, .path = normal(path)});
}

void SimStorage::close(core::FileId file) {
  if (halted_) return;
  opened(file);  // a second close of one descriptor would hit somebody else's file
  open_.erase(file.value());
}

void SimStorage::read(core::FileId file, uint64_t offset, core::MutableBytes into, core::StorageOperation& op) {
  if (halted_) return ghosts_.push_back(&op);
  OpenFile& open_file = opened(file);
  if (open_file.mode.direct) {
    CHECK_EQ(offset % core::kDirectAlignment, 0u);
    CHECK_EQ(into.size() % core::kDirectAlignment, 0u);
    CHECK_EQ(reinterpret_cast<uintptr_t>(into.data()) % core::kDirectAlignment, 0u);
  }
  start({.action = DiskAction::kRead,
         .op = &op,
         .file = open_file.file,
         .mode = open_file.mode,
         .offset = offset,
         .bytes = into.size(),
         .into = into});
}

void SimStorage::write(core::FileId file, uint64_t offset, core::Bytes from, core::StorageOperation& op) {
  if (halted_) return ghosts_.push_back(&op);
  OpenFile& open_file = opened(file);
  CHECK(open_file.mode.write);
  if (open_file.mode.direct) {
    CHECK_EQ(offset % core::kDirectAlignment, 0u);
    CHECK_EQ(from.size() % core::kDirectAlignment, 0u);
    CHECK_EQ(reinterpret_cast<uintptr_t>(from.data()) % core::kDirectAlignment, 0u);
  }
  start({.action = DiskAction::kWrite,
         .op = &op,
         .file = open_file.file,
         .mode = open_file.mode,
         .offset = offset,
         .bytes = from.size(),
         .from = from,
         .from_at_start = {from.begin(), from.end()}});
}

void SimStorage::sync(core::FileId file, core::StorageOperation& op) {
  if (halted_) return ghosts_.push_back(&op);
  const FilePointer& synced = opened(file).file;
  start({.action = DiskAction::kSync, .op = &op, .file = synced, .sync_point = synced->sync_point()});
}

void SimStorage::allocate(core::FileId file, uint64_t offset, uint64_t bytes, core::StorageOperation& op) {
  if (halted_) return ghosts_.push_back(&op);
  CHECK(opened(file).mode.write);
  start({.action = DiskAction::kAllocate, .op = &op, .file = opened(file).file, .offset = offset, .bytes = bytes});
}

void SimStorage::rename(const std::string& from, const std::string& to, core::StorageOperation& op) {
  if (halted_) return ghosts_.push_back(&op);
  // Between directories the order of two journals would matter; the broker has no use for it.
  CHECK_EQ(directory_of(normal(from)), directory_of(normal(to)));
  start({.action = DiskAction::kRename, .op = &op, .path = normal(from), .path_to = normal(to)});
}

void SimStorage::remove(const std::string& path, core::StorageOperation& op) {
  if (halted_) return ghosts_.push_back(&op);
  start({.action = DiskAction::kRemove, .op = &op, .path = normal(path)});
}

void SimStorage::sync_directory(const std::string& path, core::StorageOperation& op) {
  if (halted_) return ghosts_.push_back(&op);
  Pending pending{.action = DiskAction::kSyncDirectory, .op = &op, .path = normal(path)};
  const auto found = directories_.find(pending.path);
  if (found != directories_.end()) pending.sync_point = found->second.changes_durable + found->second.changes.size();
  start(std::move(pending));
}

// --- Completing.

void SimStorage::complete(uint64_t id) {
  const auto found = pending_.find(id);
  if (found == pending_.end()) return;  // forgotten by a crash
  if (steps_ >= crash_at_) return halt();
  ++steps_;
  Pending pending = std::move(found->second);
  pending_.erase(found);
  const size_t action = static_cast<size_t>(pending.action);
  const int32_t result = execute(pending);
  world_.trace(result < 0 ? kFailedNames[action] : kActionNames[action],
               pending.file ? pending.file->path() : pending.path, static_cast<int64_t>(pending.offset), result);
  pending.op->complete(result);
}

int32_t SimStorage::execute(Pending& pending) {
  switch (pending.action) {
    case DiskAction::kOpen:
      return execute_open(pending);
    case DiskAction::kRead:
      return execute_read(pending);
    case DiskAction::kWrite:
      return execute_write(pending);
    case DiskAction::kAllocate:
      return execute_allocate(pending);
    case DiskAction::kRename:
      return execute_rename(pending);
    case DiskAction::kRemove:
      return execute_remove(pending);
    case DiskAction::kSyncDirectory:
      return execute_sync_directory(pending);
    case DiskAction::kSync:
      break;
  }
  if (const int error = drawn_error(DiskAction::kSync)) {
    pending.file->fail_sync(pending.sync_point, world_.random());
    return -error;
  }
  if (!options_.lies) pending.file->make_durable(pending.sync_point);
  return 0;
}

int32_t SimStorage::execute_open(Pending& pending) {
  if (const int error = drawn_error(DiskAction::kOpen)) return -error;
  const core::OpenMode mode = pending.mode;
  if (mode.direct && options_.refuse_direct) return -EINVAL;
  if (directories_.contains(pending.path)) return -EISDIR;
  if (!directories_.contains(directory_of(pending.path))) return -ENOENT;
  pending.file = named(pending.path);
  if (pending.file && mode.create && mode.exclusive) return -EEXIST;
  if (!pending.file) {
    if (!mode.create) return -ENOENT;
    pending.file = std::make_shared<SimFile>(pending.path);
    change_name({.from = {}, .name = pending.path, .file = pending.file});
  }
  open_.emplace(next_file_, OpenFile{pending.file, mode});
  return next_file_++;
}

int32_t SimStorage::execute_read(Pending& pending) {
  if (const int error = drawn_error(DiskAction::kRead)) return -error;
  uint64_t bytes = pending.bytes;
  if (bytes > 0 && met(faults.short_read)) {
    ++faults_met_;
    bytes = pending.mode.direct ? core::align_up(world_.random().below(bytes) + 1, core::kDirectAlignment)
                                : world_.random().below(bytes) + 1;
  }
  if (pending.file->is_bad(pending.offset, bytes)) return ++faults_met_, -EIO;
  return static_cast<int32_t>(pending.file->read(pending.offset, pending.into.first(bytes)));
}

// What the buffer held when the write started, and what it holds now: the disk may have fetched either, sector by
// sector.
void SimStorage::mix_late_changes(Pending& pending, core::SeededRandom& random) {
  if (pending.from.empty() || std::memcmp(pending.from.data(), pending.from_at_start.data(), pending.bytes) == 0)
    return;
  for (uint64_t at = 0; at < pending.bytes; at += kSectorBytes) {
    if (random.chance(1, 2)) continue;
    std::memcpy(pending.from_at_start.data() + at, pending.from.data() + at,
                std::min(kSectorBytes, pending.bytes - at));
  }
}

int32_t SimStorage::execute_write(Pending& pending) {
  mix_late_changes(pending, world_.random());
  const core::Bytes from = pending.from_at_start;
  if (const int error = drawn_error(DiskAction::kWrite)) {
    if (error == EIO) pending.file->write_in_flight(pending.offset, from, world_.random());
    return -error;
  }
  uint64_t bytes = pending.bytes;
  if (bytes > 0 && met(faults.short_write)) {
    ++faults_met_;
    bytes = pending.mode.direct ? core::align_up(world_.random().below(bytes) + 1, core::kDirectAlignment)
                                : world_.random().below(bytes) + 1;
  }
  uint64_t room = room_blocks();
  const uint64_t backed = pending.file->take_blocks(pending.offset, bytes, room);
  if (backed == 0 && bytes > 0) return -ENOSPC;
  bytes = std::min(bytes, backed);
  pending.file->write(pending.offset, from.first(bytes), pending.mode.dsync && !options_.lies);
  return static_cast<int32_t>(bytes);
}

int32_t SimStorage::execute_allocate(Pending& pending) {
  if (const int error = drawn_error(DiskAction::kAllocate)) return -error;
  uint64_t room = room_blocks();
  if (pending.file->take_blocks(pending.offset, pending.bytes, room) < pending.bytes) return -ENOSPC;
  pending.file->grow(pending.offset + pending.bytes);
  return 0;
}

int32_t SimStorage::execute_rename(Pending& pending) {
  if (const int error = drawn_error(DiskAction::kRename)) return -error;
  const FilePointer file = named(pending.path);
  if (!file) return -ENOENT;
  if (pending.path == pending.path_to) return 0;
  change_name({.from = pending.path, .name = pending.path_to, .file = file});
  return 0;
}

int32_t SimStorage::execute_remove(Pending& pending) {
  if (const int error = drawn_error(DiskAction::kRemove)) return -error;
  if (!named(pending.path)) return -ENOENT;
  change_name({.from = {}, .name = pending.path, .file = nullptr});
  return 0;
}

int32_t SimStorage::execute_sync_directory(Pending& pending) {
  if (const int error = drawn_error(DiskAction::kSyncDirectory)) return -error;
  const auto found = directories_.find(pending.path);
  if (found == directories_.end()) return -ENOENT;
  persist_changes(found->second, pending.sync_point);
  return 0;
}

// --- Faults.

bool SimStorage::met(uint32_t per_million) {
  return per_million > 0 && world_.random().chance(per_million, 1'000'000);
}

uint32_t SimStorage::error_rate(DiskAction action) const {
  switch (action) {
    case DiskAction::kOpen:
      return faults.open_error;
    case DiskAction::kRead:
      return faults.read_error;
    case DiskAction::kWrite:
      return faults.write_error;
    case DiskAction::kSync:
      return faults.sync_error;
    case DiskAction::kAllocate:
      return faults.allocate_error;
    case DiskAction::kRename:
    case DiskAction::kRemove:
    case DiskAction::kSyncDirectory:
      return faults.directory_error;
  }
  return 0;
}

int SimStorage::drawn_error(DiskAction action) {
  const auto index = static_cast<size_t>(action);
  const uint64_t ordinal = executed_of_[index]++;
  std::deque<Plan>& plans = plans_[index];
  for (auto plan = plans.begin(); plan != plans.end(); ++plan) {
    if (plan->at != ordinal) continue;
    const int error = plan->error;
    plans.erase(plan);
    ++faults_met_;
    return error;
  }
  if (!met(error_rate(action))) return 0;
  ++faults_met_;
  return EIO;
}

void SimStorage::plan_fault(DiskAction action, uint64_t skip, int error) {
  const auto index = static_cast<size_t>(action);
  plans_[index].push_back({executed_of_[index] + skip, error});
}

// --- Names.

SimStorage::FilePointer SimStorage::named(const std::string& path) const {
  const auto found = names_.find(path);
  return found == names_.end() ? nullptr : found->second;
}

void SimStorage::change_name(NameChange change) {
  if (!change.from.empty()) names_.erase(change.from);
  if (change.file) {
    change.file->set_path(change.name);
    names_[change.name] = change.file;
  } else {
    names_.erase(change.name);
  }
  directories_[directory_of(change.name)].changes.push_back(std::move(change));
}

void SimStorage::persist_changes(Directory& directory, uint64_t until) {
  for (; directory.changes_durable < until && !directory.changes.empty(); ++directory.changes_durable) {
    const NameChange& change = directory.changes.front();
    if (!change.from.empty()) durable_names_.erase(change.from);
    if (change.file) {
      durable_names_[change.name] = change.file;
    } else {
      durable_names_.erase(change.name);
    }
    directory.changes.pop_front();
  }
}

// --- Synchronous calls.

core::Result<std::vector<std::string>> SimStorage::list(const std::string& directory) {
  const std::string path = normal(directory);
  if (halted_) return core::system_error(EIO, "listing", path);
  if (!directories_.contains(path)) return core::system_error(ENOENT, "listing", path);
  std::set<std::string> found;
  for (const auto& [name, file] : names_) {
    if (directory_of(name) == path) found.insert(name.substr(name.rfind('/') + 1));
  }
  for (const auto& [name, ignored] : directories_) {
    if (name != path && directory_of(name) == path) found.insert(name.substr(name.rfind('/') + 1));
  }
  return std::vector<std::string>(found.begin(), found.end());
}

core::Status SimStorage::make_directories(const std::string& path) {
  if (halted_) return core::system_error(EIO, "making directory", path);
  for (std::string at = normal(path); at != "/" && at != "."; at = directory_of(at)) {
    if (names_.contains(at)) return core::system_error(ENOTDIR, "making directory", at);
    directories_[at];
  }
  return {};
}

core::Status SimStorage::remove_directory(const std::string& path) {
  if (halted_) return core::system_error(EIO, "removing directory", path);
  const auto entries = list(path);
  if (!entries) return entries.error().code == ENOENT ? core::Status() : std::unexpected(entries.error());
  if (!entries->empty()) return core::system_error(ENOTEMPTY, "removing directory", path);
  directories_.erase(normal(path));
  return {};
}

core::Result<uint64_t> SimStorage::size(core::FileId file) {
  if (halted_) return core::system_error(EIO, "size of a file");
  return opened(file).file->size();
}

core::Result<bool> SimStorage::try_lock(core::FileId file) {
  if (halted_) return core::system_error(EIO, "locking a file");
  OpenFile& mine = opened(file);
  for (const auto& [id, other] : open_) {
    if (id != file.value() && other.file == mine.file && other.locked) return false;
  }
  mine.locked = true;
  return true;
}

void SimStorage::run_until(const bool& done) {
  for (uint64_t steps = 0; !done; ++steps) {
    CHECK_LT(steps, SimWorld::kStepsMax);
    if (halted_) {
      CHECK(!ghosts_.empty());
      fail_ghosts();
      continue;
    }
    const bool something_was_pending = world_.step();
    CHECK(something_was_pending);
  }
}

}  // namespace penstock::sim
