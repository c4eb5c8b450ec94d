// The files of a PageStore: opening, syncing, retiring.
#include <algorithm>
#include <charconv>

#include "log/page_store.h"

namespace penstock::log {
namespace {

constexpr std::string_view kPrefix = "queue-";
constexpr std::string_view kSuffix = ".pages";

}  // namespace

// One sync() under way: first the writes that had begun before it end, then the files are synced, then their names.
struct PageStore::Sync final : core::StorageOperation {
  Sync(PageStore& its_store, bool& done_flag, bool& failed_flag)
      : store(its_store), done(done_flag), failed(failed_flag), before(its_store.next_) {}
  void complete(int32_t result) override {
    store.operation_ended();
    store.sync_step_ended(result);
  }

  PageStore& store;
  bool& done;
  bool& failed;
  PageAddress before;  // writes to lower addresses are waited for
  size_t writes_left = 0;
  size_t steps_left = 0;  // operations under way
  bool files_started = false;
  bool directory_started = false;
  bool bad = false;
};

// Removes one file; forgets itself.
struct PageStore::Removal final : core::StorageOperation {
  Removal(PageStore& its_store, std::string its_path) : store(its_store), path(std::move(its_path)) {}
  void complete(int32_t result) override {
    store.operation_ended();
    if (result < 0 && result != -ENOENT) {
      store.report("removing " + path + ": " + core::system_error(-result, "failed").error().message);
    }
    delete this;
  }
  PageStore& store;
  std::string path;
};

PageStore::PageStore(core::Storage& storage, QueueFile::Options options, PageAddress next)
    : storage_(storage), options_(std::move(options)), next_(next) {
  CHECK(options_.file_bytes >= kQueuePageBytes && options_.file_bytes % kQueuePageBytes == 0);
  CHECK(options_.cached_pages_max > 0 && options_.writes_max > 0 && options_.files_open_max > 0);
  CHECK_LT(next, kPageAddressMax);
  find_existing();
}

PageStore::~PageStore() {
  roomless_ = {};
  strays_ = {};
  flush();
  storage_.run_until(idle_);
  for (PageFrame* frame : cached_) delete frame;
  for (PageFrame* frame : unread_) delete frame;
  for (auto& [number, file] : files_) close(*file);
}

void PageFile::complete(int32_t result) {
  store.file_ended(*this, result);
}

std::string PageStore::path_of(uint64_t number) const {
  return options_.directory + "/" + std::string(kPrefix) + std::to_string(number) + std::string(kSuffix);
}

void PageStore::find_existing() {
  const auto names = storage_.list(options_.directory);
  if (!names) {
    report(names.error().message);
    return;
  }
  for (std::string_view name : *names) {
    if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) continue;
    name.remove_prefix(kPrefix.size());
    name.remove_suffix(kSuffix.size());
    uint64_t number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (error == std::errc() && end == name.data() + name.size()) existing_.insert(number);
  }
}

void PageStore::operation_started() {
  ++under_way_;
  idle_ = false;
}

void PageStore::operation_ended() {
  --under_way_;
  idle_ = under_way_ == 0;
}

PageFile& PageStore::file_of(PageAddress address) {
  const uint64_t number = address / pages_per_file();
  std::unique_ptr<PageFile>& file = files_[number];
  if (file == nullptr) file = std::make_unique<PageFile>(*this, number, path_of(number));
  return *file;
}

void PageStore::open(PageFile& file) {
  close_unused_files();
  const bool writes = !file.parked_writes.empty();
  file.opening = true;
  file.creating = writes;
  operation_started();
  // A read never makes a file: its absence is the damage to report.
  storage_.open(file.path, {.write = !options_.read_only, .create = writes}, file);
}

void PageStore::close(PageFile& file) {
  if (file.id != core::kNoFile) storage_.close(file.id);
}

// At most files_open_max descriptors, as far as they are not in use this moment.
void PageStore::close_unused_files() {
  while (files_.size() > options_.files_open_max) {
    auto oldest = files_.end();
    for (auto it = files_.begin(); it != files_.end(); ++it) {
      const PageFile& file = *it->second;
      if (file.busy_count > 0 || file.opening || file.syncing || file.dirty) continue;
      if (oldest == files_.end() || file.used_at < oldest->second->used_at) oldest = it;
    }
    if (oldest == files_.end()) return;
    close(*oldest->second);
    files_.erase(oldest);
  }
}

void PageStore::file_ended(PageFile& file, int32_t result) {
  operation_ended();
  if (file.opening) {
    opened(file, result);
  } else {
    file.syncing = false;
    sync_step_ended(result);
  }
}

void PageStore::opened(PageFile& file, int32_t result) {
  file.opening = false;
  if (result >= 0) file.id = core::FileId(result);
  // Only now the name is there: a sync of the directory that began before would not cover it.
  if (result >= 0 && file.creating && existing_.insert(file.number).second) names_changed_ = true;
  const std::vector<PageFrame*> reads = std::exchange(file.parked_reads, {});
  const std::vector<PageBatch*> writes = std::exchange(file.parked_writes, {});
  // What fails may start other operations on this file while it ends; `file` stays, it is busy with the rest of these.
  for (PageFrame* frame : reads) {
    if (result >= 0)
      issue(*frame, file);
    else
      read_ended(*frame, result);
  }
  for (PageBatch* batch : writes) {
    if (result >= 0)
      issue(*batch, file);
    else
      write_ended(*batch, result);
  }
}

// --- sync

void PageStore::sync(bool& done, bool& failed) {
  CHECK(sync_ == nullptr);
  flush();
  done = false;
  sync_ = std::make_unique<Sync>(*this, done, failed);
  sync_->writes_left = writing_count_;
  sync_->bad = std::exchange(failed_since_sync_, false);
  continue_sync();
}

void PageStore::writes_of_sync_ended(PageAddress first, size_t count) {
  if (sync_ == nullptr || first >= sync_->before) return;
  sync_->writes_left -= count;
  continue_sync();
}

void PageStore::continue_sync() {
  Sync& sync = *sync_;
  if (sync.writes_left > 0 || sync.steps_left > 0) return;
  if (!sync.files_started) {
    sync.files_started = true;
    for (auto& [number, file] : files_) {
      if (!file->dirty) continue;
      file->dirty = false;
      file->syncing = true;
      ++sync.steps_left;
      operation_started();
      storage_.sync(file->id, *file);
    }
    if (sync.steps_left > 0) return;
  }
  if (!sync.directory_started) {
    sync.directory_started = true;
    if (names_changed_) {
      names_changed_ = false;
      ++sync.steps_left;
      operation_started();
      storage_.sync_directory(options_.directory, sync);
      return;
    }
  }
  // The flags last: whoever waits for them may look at everything else.
  sync.failed = sync.bad || std::exchange(failed_since_sync_, false);
  bool& done = sync.done;
  sync_.reset();
  done = true;
}

void PageStore::sync_step_ended(int32_t result) {
  Sync& sync = *sync_;
  if (result < 0) {
    if (!sync.bad)
      report(core::system_error(-result, "syncing queue index files in", options_.directory).error().message);
    sync.bad = true;
    names_changed_ = true;
  }
  --sync.steps_left;
  continue_sync();
}

// --- retire

void PageStore::retire(PageAddress keep) {
  const uint64_t keep_file = std::min(keep, next_) / pages_per_file();
  for (auto it = existing_.begin(); it != existing_.end() && *it < keep_file;) {
    const auto used = files_.find(*it);
    if (used != files_.end()) {
      PageFile& file = *used->second;
      if (file.busy_count > 0 || file.opening || file.syncing) {
        ++it;
        continue;
      }
      close(file);
      files_.erase(used);
    }
    auto* const removal = new Removal(*this, path_of(*it));
    operation_started();
    storage_.remove(removal->path, *removal);
    it = existing_.erase(it);
  }
}

}  // namespace penstock::log
