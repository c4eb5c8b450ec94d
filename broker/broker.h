// Broker: all shards of one process over one data directory. Made, run and stopped by the main thread, which is also
// the control thread: it never touches what belongs to a shard while that serves.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "broker/data_directory.h"
#include "broker/listener.h"
#include "broker/shard_thread.h"
#include "core/network.h"
#include "log/sealed_log.h"

namespace penstock::broker {

struct BrokerOptions {
  Listeners listeners;
  std::shared_ptr<const auth::Authenticator> authenticator;  // null: none
  std::string data_directory;
  ShardIndex shards_count = 1;
  ShardOptions shard;
  log::LogOptions log;  // directory and id are filled in
};

class Broker {
 public:
  // Restores the last life, opens the logs, listens and serves; an error is one line for the person who started it.
  static core::Result<std::unique_ptr<Broker>> start(BrokerOptions options);
  ~Broker();

  // Where clients find it: one URL for each listener, with the ports that the kernel picked.
  const std::vector<std::string>& addresses() const { return addresses_; }
  // Removes what older layouts left, and what retention takes of logs that no shard appends to any more. Soon after
  // start() and then about once a minute, on the same thread; waits for the disk.
  void maintain();
  // Every few seconds, on the same thread: Listeners::watch().
  void watch_certificates();
  void reload_certificates() { options_.listeners.reload(); }
  // Clean stop; returns when every shard has stopped.
  void stop();
  // After stop(): counters of all shards.
  Counters counters() const { return counters_; }

 private:
  explicit Broker(BrokerOptions options) : options_(std::move(options)) {}
  core::Status start_shards();
  core::Status open_sealed_logs();

  BrokerOptions options_;
  std::unique_ptr<core::Ring> ring_;  // of the main thread: start-up and maintain()
  std::unique_ptr<core::RingStorage> storage_;
  std::unique_ptr<DataDirectory> directory_;
  std::unique_ptr<PostOffice> office_;
  std::vector<std::unique_ptr<log::SealedLog>> sealed_logs_;
  std::vector<std::unique_ptr<ShardThread>> shards_;
  std::vector<std::string> addresses_;
  Counters counters_;
};

}  // namespace penstock::broker
