// TurnStorage: core::Storage of one shard of a simulated broker, in front of the disk that all its shards share.
// Completions wait here, as in the ring of a real shard, until that shard's turn hands them out; so a shard that is
// busy or has not begun to serve sees nothing of them. One thread.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/sim/broker_heap.h"
#include "tests/sim/sim_storage.h"

namespace penstock::sim {

class TurnStorage final : public core::Storage {
 public:
  // `on_completion`: something is there to dispatch().
  TurnStorage(SimStorage& disk, std::function<void()> on_completion)
      : disk_(disk), on_completion_(std::move(on_completion)) {}
  TurnStorage(const TurnStorage&) = delete;

  // Hands out what has completed until now.
  void dispatch() {
    for (size_t count = completed_.size(); count > 0; --count) {
      const Completed next = completed_.front();
      completed_.pop_front();
      in_broker([&] { next.op->complete(next.result); });
    }
  }

  // After the disk has halted: answers -EIO to all that is under way. False when nothing was.
  bool fail_all() {
    if (under_way_.empty() && completed_.empty()) return false;
    if (!under_way_.empty()) {
      arrived_ = false;
      disk_.run_until(arrived_);
    }
    dispatch();
    return true;
  }

  void open(const std::string& path, core::OpenMode mode, core::StorageOperation& op) override {
    in_world([&] { disk_.open(path, mode, started(op)); });
  }
  void close(core::FileId file) override {
    in_world([&] { disk_.close(file); });
  }
  void read(core::FileId file, uint64_t offset, core::MutableBytes into, core::StorageOperation& op) override {
    in_world([&] { disk_.read(file, offset, into, started(op)); });
  }
  void write(core::FileId file, uint64_t offset, core::Bytes from, core::StorageOperation& op) override {
    in_world([&] { disk_.write(file, offset, from, started(op)); });
  }
  void sync(core::FileId file, core::StorageOperation& op) override {
    in_world([&] { disk_.sync(file, started(op)); });
  }
  void allocate(core::FileId file, uint64_t offset, uint64_t bytes, core::StorageOperation& op) override {
    in_world([&] { disk_.allocate(file, offset, bytes, started(op)); });
  }
  void rename(const std::string& from, const std::string& to, core::StorageOperation& op) override {
    in_world([&] { disk_.rename(from, to, started(op)); });
  }
  void remove(const std::string& path, core::StorageOperation& op) override {
    in_world([&] { disk_.remove(path, started(op)); });
  }
  void sync_directory(const std::string& path, core::StorageOperation& op) override {
    in_world([&] { disk_.sync_directory(path, started(op)); });
  }
  void run_until(const bool& done) override {
    const HeapScope scope(HeapOwner::kWorld);
    while (!done) {
      if (completed_.empty()) {
        arrived_ = false;
        disk_.run_until(arrived_);
      }
      dispatch();
    }
  }
  core::Result<std::vector<std::string>> list(const std::string& directory) override {
    return in_world([&] { return disk_.list(directory); });
  }
  core::Status make_directories(const std::string& path) override {
    return in_world([&] { return disk_.make_directories(path); });
  }
  core::Status remove_directory(const std::string& path) override {
    return in_world([&] { return disk_.remove_directory(path); });
  }
  core::Result<uint64_t> size(core::FileId file) override {
    return in_world([&] { return disk_.size(file); });
  }
  core::Result<bool> try_lock(core::FileId file) override {
    return in_world([&] { return disk_.try_lock(file); });
  }

 private:
  // What the disk completes in place of the shard's operation.
  struct UnderWay final : core::StorageOperation {
    UnderWay(TurnStorage& storage, core::StorageOperation& operation) : owner(storage), op(operation) {}
    void complete(int32_t result) override { owner.completed(*this, result); }
    TurnStorage& owner;
    core::StorageOperation& op;
  };
  struct Completed {
    core::StorageOperation* op;
    int32_t result;
  };

  core::StorageOperation& started(core::StorageOperation& op) {
    auto under_way = std::make_unique<UnderWay>(*this, op);
    core::StorageOperation& stand_in = *under_way;
    under_way_.emplace(under_way.get(), std::move(under_way));
    return stand_in;
  }
  void completed(UnderWay& under_way, int32_t result) {
    completed_.push_back({&under_way.op, result});
    under_way_.erase(&under_way);
    arrived_ = true;
    on_completion_();
  }

  SimStorage& disk_;
  std::function<void()> on_completion_;
  std::map<UnderWay*, std::unique_ptr<UnderWay>> under_way_;
  std::deque<Completed> completed_;
  bool arrived_ = false;
};

}  // namespace penstock::sim
