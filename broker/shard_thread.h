// ShardThread: one pinned thread with one io_uring that runs one BrokerShard. The ring belongs to the thread that made
// it, so everything from restoring on happens there; Broker leads all of them through the start in step.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "broker/broker_shard.h"
#include "core/ring.h"
#include "core/ring_network.h"
#include "core/ring_storage.h"

namespace penstock::broker {

class ShardThread {
 public:
  ShardThread(ShardPlace place, ShardOptions options, PostOffice& office, std::function<void(ShardIndex)> wake);
  ~ShardThread();

  // Each runs on the thread and returns when it is done there.
  core::Status start();  // ring, restore, open
  // After every shard's start(). `always`: also where restore() asks for none.
  core::Status write_first_checkpoint(bool always);
  void add_logs(const std::vector<log::SharedLog*>& logs);
  core::Result<core::Endpoint> listen(const core::Endpoint& endpoint, const TransportSource& source);
  // Begins to serve; returns at once.
  void serve();
  // Any thread; the shard stops clean and the thread ends.
  void request_stop();
  // Returns when it has stopped serving. Its log stays readable for the other shards until it is destroyed.
  void wait_stopped();

  log::SharedLog& shared_log() { return shard_->log().shared(); }
  BrokerShard& shard() { return *shard_; }  // not while it serves
  int ring_fd() const { return ring_->fd(); }
  core::Ring& ring() { return *ring_; }  // its own thread only, while it serves

 private:
  void main();
  void run(const std::function<void()>& task);
  void serve_turns();

  ShardPlace place_;
  ShardOptions options_;
  PostOffice& office_;
  std::function<void(ShardIndex)> wake_;
  std::unique_ptr<core::Ring> ring_;
  std::unique_ptr<core::RingNetwork> network_;
  std::unique_ptr<core::RingStorage> storage_;
  std::unique_ptr<BrokerShard> shard_;
  std::atomic<bool> stop_requested_{false};

  std::mutex mutex_;
  std::condition_variable changed_;
  std::function<void()> task_;
  bool serving_ = false;
  bool stopped_ = false;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace penstock::broker
