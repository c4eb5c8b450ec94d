// SimStorage: the simulated disk behind core::Storage. One file system in memory, shared by all shards of a simulated
// process. Operations complete as steps of the SimWorld, in any order, also those on one file.
//
// What a power cut keeps: what was synced (or written through O_DSYNC, or named and then synced by sync_directory), and
// of the rest any part, as a disk with a volatile cache does: 512-byte sectors are whole and old or new, of writes
// under way too; names change one after the other per directory, and the last ones may be missing (ext4, XFS).
//
// After crash() the process is a ghost until restart(): nothing it does reaches the disk any more, and run_until
// answers -EIO to all it has under way, so that destructors and a start-up that a crash interrupts come to an end.
// Destroy the code under test between crash() and restart(). One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/storage.h"
#include "tests/sim/sim_file.h"
#include "tests/sim/sim_world.h"

namespace penstock::sim {

enum class DiskAction : uint8_t { kOpen, kRead, kWrite, kSync, kAllocate, kRename, kRemove, kSyncDirectory };
constexpr size_t kDiskActions = 8;

// Chances per million, drawn for each operation.
struct DiskFaults {
  uint32_t open_error = 0;   // EIO
  uint32_t read_error = 0;   // EIO, and the next try may succeed
  uint32_t write_error = 0;  // EIO; some sectors of it are written
  uint32_t sync_error = 0;   // EIO once; what it should have synced may be lost, and later syncs succeed all the same
  uint32_t directory_error = 0;  // EIO of rename, remove, sync_directory; nothing happened
  uint32_t allocate_error = 0;   // EIO
  uint32_t short_read = 0;
  uint32_t short_write = 0;
  uint32_t slow = 0;  // takes up to kSlowNs
};

struct DiskOptions {
  uint64_t capacity_bytes = uint64_t{1} << 40;
  bool refuse_direct = false;  // open with O_DIRECT answers EINVAL, as some file systems do
  int64_t latency_ns_min = 20'000;
  int64_t latency_ns_max = 2'000'000;
  bool lies = false;                     // says that it has synced and has not: for the canary, which must see it
  uint32_t torn_sector_per_million = 0;  // a crash leaves a sector half old and half new
};

class SimStorage final : public core::Storage {
 public:
  explicit SimStorage(SimWorld& world, DiskOptions options = {});
  ~SimStorage() override;

  void open(const std::string& path, core::OpenMode mode, core::StorageOperation& op) override;
  void close(core::FileId file) override;
  void read(core::FileId file, uint64_t offset, core::MutableBytes into, core::StorageOperation& op) override;
  void write(core::FileId file, uint64_t offset, core::Bytes from, core::StorageOperation& op) override;
  void sync(core::FileId file, core::StorageOperation& op) override;
  void allocate(core::FileId file, uint64_t offset, uint64_t bytes, core::StorageOperation& op) override;
  void rename(const std::string& from, const std::string& to, core::StorageOperation& op) override;  // one directory
  void remove(const std::string& path, core::StorageOperation& op) override;
  void sync_directory(const std::string& path, core::StorageOperation& op) override;
  void run_until(const bool& done) override;
  core::Result<std::vector<std::string>> list(const std::string& directory) override;
  core::Status make_directories(const std::string& path) override;  // durable when it returns
  core::Status remove_directory(const std::string& path) override;  // the same
  core::Result<uint64_t> size(core::FileId file) override;
  core::Result<bool> try_lock(core::FileId file) override;

  // --- The world fails.
  DiskFaults faults;  // may be changed at any time; holds for operations that complete afterwards
  DiskOptions& options() { return options_; }
  // The operation of this kind after `skip` others of it ends with -`error`. Several plans may wait.
  void plan_fault(DiskAction action, uint64_t skip, int error);
  bool fault_planned(DiskAction action) const { return !plans_[static_cast<size_t>(action)].empty(); }

  // Power cut, now. All files are closed and what is under way is forgotten.
  void crash();
  // Only the process dies: the kernel keeps what was written to it, and names.
  void kill();
  // The same when `steps` more operations have completed; it strikes in place of the next completion.
  void crash_after(uint64_t steps) { crash_at_ = steps_ + steps, crash_is_kill_ = false; }
  void kill_after(uint64_t steps) { crash_after(steps), crash_is_kill_ = true; }
  bool halted() const { return halted_; }
  // The next life begins.
  void restart();

  // Faults met so far, by rate and by plan: lets a test tell "must be perfect" from "may report damage".
  uint64_t faults_met() const { return faults_met_; }
  uint64_t steps() const { return steps_; }  // completions since the start
  size_t pending() const { return pending_.size(); }
  bool crash_pending() const { return crash_at_ != UINT64_MAX; }

  // --- The disk seen from outside, for tests. All at once, without steps; paths of files that exist.
  bool exists(const std::string& path) const { return names_.contains(path); }
  uint64_t file_bytes(const std::string& path) const;
  std::vector<std::byte> content(const std::string& path) const;
  void put(const std::string& path, core::Bytes content);                      // creates or replaces; durable
  void overwrite(const std::string& path, uint64_t offset, core::Bytes from);  // durable
  void flip_bit(const std::string& path, uint64_t offset, unsigned bit);
  void make_unreadable(const std::string& path, uint64_t offset);  // EIO until that sector is written again
  bool is_unreadable(const std::string& path, uint64_t offset) const { return names_.at(path)->is_bad(offset, 1); }
  uint64_t used_bytes() const;
  size_t open_files() const { return open_.size(); }
  std::vector<std::string> files(const std::string& prefix) const;  // paths, sorted

 private:
  using FilePointer = std::shared_ptr<SimFile>;
  struct OpenFile {
    FilePointer file;
    core::OpenMode mode;
    bool locked = false;
  };
  struct Pending {
    DiskAction action;
    core::StorageOperation* op = nullptr;
    FilePointer file;
    core::OpenMode mode;
    uint64_t offset = 0;
    uint64_t bytes = 0;
    core::MutableBytes into;
    core::Bytes from;
    std::vector<std::byte> from_at_start;
    uint64_t sync_point = 0;
    std::string path;
    std::string path_to;
  };
  // A change of a name, in memory already and not yet durable. `file` null: the name is gone.
  struct NameChange {
    std::string from;  // of a rename: this name goes in the same moment
    std::string name;
    FilePointer file;
  };
  struct Directory {
    std::deque<NameChange> changes;
    uint64_t changes_durable = 0;  // ordinal of changes.front()
  };

  void start(Pending pending);
  void complete(uint64_t id);
  int32_t execute(Pending& pending);
  int32_t execute_open(Pending& pending);
  int32_t execute_read(Pending& pending);
  int32_t execute_write(Pending& pending);
  int32_t execute_allocate(Pending& pending);
  int32_t execute_rename(Pending& pending);
  int32_t execute_remove(Pending& pending);
  int32_t execute_sync_directory(Pending& pending);
  int drawn_error(DiskAction action);
  uint32_t error_rate(DiskAction action) const;
  bool met(uint32_t per_million);
  OpenFile& opened(core::FileId file);
  FilePointer named(const std::string& path) const;
  uint64_t room_blocks() const;
  void change_name(NameChange change);
  void persist_changes(Directory& directory, uint64_t until);
  void halt();
  void leave_in_flight(Pending& pending);
  void fail_ghosts();
  static void mix_late_changes(Pending& pending, core::SeededRandom& random);

  SimWorld& world_;
  DiskOptions options_;
  std::map<std::string, FilePointer> names_;
  std::map<std::string, FilePointer> durable_names_;
  std::map<std::string, Directory> directories_;
  std::map<int32_t, OpenFile> open_;
  int32_t next_file_ = 100;  // never reused, so that a stale descriptor is always seen
  std::map<uint64_t, Pending> pending_;
  std::vector<core::StorageOperation*> ghosts_;
  uint64_t next_pending_ = 0;
  struct Plan {
    uint64_t at;
    int error;
  };
  std::deque<Plan> plans_[kDiskActions];
  uint64_t executed_of_[kDiskActions] = {};
  uint64_t steps_ = 0;
  uint64_t crash_at_ = UINT64_MAX;
  bool crash_is_kill_ = false;
  bool halted_ = false;
  uint64_t faults_met_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace penstock::sim
