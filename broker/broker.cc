#include "broker/broker.h"

#include "core/diagnostics.h"
#include "log/file_names.h"

namespace penstock::broker {

core::Result<std::unique_ptr<Broker>> Broker::start(BrokerOptions options) {
  std::unique_ptr<Broker> broker(new Broker(std::move(options)));
  ASSIGN_OR_RETURN(broker->ring_, core::Ring::create({.submission_entries = 8, .completion_entries = 16}));
  broker->storage_ = std::make_unique<core::RingStorage>(*broker->ring_);
  ASSIGN_OR_RETURN(DataDirectory directory,
                   DataDirectory::open(*broker->storage_, core::system_clock(), broker->options_.data_directory));
  broker->directory_ = std::make_unique<DataDirectory>(std::move(directory));
  RETURN_IF_ERROR(broker->start_shards());
  return broker;
}

core::Status Broker::open_sealed_logs() {
  for (const auto& [id, sealed_us] : directory_->sealed_logs()) {
    const std::string path = log::path_in(options_.data_directory, log::log_directory_name(id));
    ASSIGN_OR_RETURN(auto sealed, log::SealedLog::open(*storage_, path, id, sealed_us));
    sealed_logs_.push_back(std::move(sealed));
  }
  return {};
}

void Broker::maintain() {
  const auto warn = [](const core::Status& status) {
    if (!status) core::log_line(core::LogLevel::kWarning, status.error().message);
  };
  warn(directory_->remove_old_layouts());
  for (auto& sealed : sealed_logs_) {
    if (sealed->gone()) continue;
    core::Status status = sealed->retire(core::system_clock().wall_us() - options_.log.retention_us);
    if (status && sealed->gone()) status = directory_->forget_sealed_log(sealed->shared().id);
    warn(status);
  }
}

void Broker::watch_certificates() {
  options_.listeners.watch(core::system_clock().wall_us() / core::kUsPerSecond);
}

core::Status Broker::start_shards() {
  ASSIGN_OR_RETURN(std::vector<ShardPlace> places, directory_->lay_out(options_.shards_count, options_.log));
  RETURN_IF_ERROR(open_sealed_logs());
  office_ = std::make_unique<PostOffice>(options_.shards_count);
  options_.shard.authenticator = options_.authenticator.get();
  // Wakes go through the ring of the waking shard.
  for (ShardPlace& place : places) {
    const ShardIndex from = place.index;
    shards_.push_back(std::make_unique<ShardThread>(
        std::move(place), options_.shard, *office_,
        [this, from](ShardIndex to) { shards_[from]->ring().wake(shards_[to]->ring_fd()); }));
  }
  for (auto& shard : shards_) RETURN_IF_ERROR(shard->start());
  // Each speaks of all logs, and what was read of one is sure to be on the disk only when its shard has opened it.
  for (auto& shard : shards_) RETURN_IF_ERROR(shard->write_first_checkpoint(directory_->layout_changed()));
  RETURN_IF_ERROR(directory_->commit_layout());

  std::vector<log::SharedLog*> logs;
  for (auto& shard : shards_) logs.push_back(&shard->shared_log());
  for (auto& sealed : sealed_logs_) logs.push_back(&sealed->shared());
  for (auto& shard : shards_) shard->add_logs(logs);
  for (const auto& listener : options_.listeners.all()) {
    ListenerSettings settings = listener->settings();
    core::Endpoint& endpoint = settings.endpoint;
    if (endpoint.port != 0) RETURN_IF_ERROR(core::check_not_taken(endpoint));
    for (auto& shard : shards_) {
      ASSIGN_OR_RETURN(const core::Endpoint bound, shard->listen(endpoint, *listener));
      endpoint.port = bound.port;
    }
    addresses_.push_back(to_string(settings));
  }
  for (auto& shard : shards_) shard->serve();
  return {};
}

void Broker::stop() {
  for (auto& shard : shards_) {
    shard->request_stop();
    ring_->wake(shard->ring_fd());
  }
  ring_->poll(0);
  for (auto& shard : shards_) shard->wait_stopped();
  for (auto& shard : shards_) {
    BrokerShard& stopped = shard->shard();
    counters_.add(stopped.counters());
    counters_.log_writes += stopped.log().writes_count();
    counters_.log_bytes += stopped.log().bytes_written();
    counters_.ring_enters += shard->ring().enters();
    counters_.ring_submissions += shard->ring().submissions();
  }
}

Broker::~Broker() {
  // All have stopped before the first one's log goes.
  shards_.clear();
}

}  // namespace penstock::broker
