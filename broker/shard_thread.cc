#include "broker/shard_thread.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>

namespace penstock::broker {
namespace {

constexpr int64_t kWaitNsMax = core::kNsPerSecond;

void pin_to_core(ShardIndex index) {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  const int count = CPU_COUNT(&allowed);
  // The index-th processor we may use; more shards than processors share them without pinning.
  if (index >= count) return;
  int seen = 0;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed) || seen++ != index) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    sched_setaffinity(0, sizeof one, &one);
    return;
  }
}

}  // namespace

ShardThread::ShardThread(ShardPlace place, ShardOptions options, PostOffice& office,
                         std::function<void(ShardIndex)> wake)
    : place_(std::move(place)), options_(options), office_(office), wake_(std::move(wake)) {
  thread_ = std::thread([this] { main(); });
}

ShardThread::~ShardThread() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void ShardThread::main() {
  const std::string name = "shard-" + std::to_string(place_.index);
  pthread_setname_np(pthread_self(), name.c_str());
  std::unique_lock lock(mutex_);
  while (!serving_ && !ending_) {
    changed_.wait(lock, [this] { return task_ != nullptr || serving_ || ending_; });
    if (task_ == nullptr) continue;
    task_();
    task_ = nullptr;
    changed_.notify_all();
  }
  const bool serve = serving_;
  if (serve) {
    lock.unlock();
    serve_turns();
    lock.lock();
    stopped_ = true;
    changed_.notify_all();
    // Other shards may still read our log.
    changed_.wait(lock, [this] { return ending_; });
  }
  lock.unlock();
  shard_.reset();
  storage_.reset();
  network_.reset();
  ring_.reset();
}

void ShardThread::run(const std::function<void()>& task) {
  std::unique_lock lock(mutex_);
  task_ = task;
  changed_.notify_all();
  changed_.wait(lock, [this] { return task_ == nullptr; });
}

core::Status ShardThread::start() {
  core::Status status;
  run([&] {
    status = [&]() -> core::Status {
      pin_to_core(place_.index);
      ASSIGN_OR_RETURN(ring_, core::Ring::create({}));
      ASSIGN_OR_RETURN(network_, core::RingNetwork::create(*ring_, {}));
      storage_ = std::make_unique<core::RingStorage>(*ring_);
      shard_ = std::make_unique<BrokerShard>(
          place_, options_, ShardSeams{*network_, *storage_, core::system_clock(), core::system_random()},
          PostCounter(office_, place_.index, wake_));
      RETURN_IF_ERROR(shard_->restore());
      return shard_->open();
    }();
  });
  return status;
}

core::Status ShardThread::write_first_checkpoint(bool always) {
  core::Status status;
  run([&] {
    if (always || shard_->must_checkpoint()) status = shard_->write_first_checkpoint();
  });
  return status;
}

void ShardThread::add_logs(const std::vector<log::SharedLog*>& logs) {
  run([&] { shard_->add_logs(logs); });
}

core::Result<core::Endpoint> ShardThread::listen(const core::Endpoint& endpoint, const TransportSource& source) {
  core::Result<core::Endpoint> bound = core::Endpoint{};
  run([&] { bound = shard_->listen(endpoint, &source); });
  return bound;
}

void ShardThread::serve() {
  {
    const std::lock_guard lock(mutex_);
    serving_ = true;
  }
  changed_.notify_all();
}

void ShardThread::request_stop() {
  stop_requested_.store(true, std::memory_order_seq_cst);
}

void ShardThread::wait_stopped() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stopped_; });
}

void ShardThread::serve_turns() {
  core::Clock& clock = core::system_clock();
  bool more = true;
  while (!shard_->stopped()) {
    if (stop_requested_.load(std::memory_order_relaxed)) shard_->begin_stop();
    const int64_t before_ns = clock.monotonic_ns();
    more = network_->maintain(before_ns) || more;
    int64_t wait_ns = more ? 0 : std::clamp<int64_t>(shard_->next_timer_ns() - before_ns, 0, kWaitNsMax);
    if (wait_ns > 0) {
      office_.set_sleeping(place_.index, true);
      if (office_.has_mail(place_.index)) wait_ns = 0;
    }
    ring_->wait(wait_ns);
    office_.set_sleeping(place_.index, false);
    shard_->begin_turn(clock.monotonic_ns());
    ring_->dispatch();
    more = shard_->end_turn();
  }
  // The acknowledgements of the last turn and the closes are still with the ring.
  ring_->poll(0);
}

}  // namespace penstock::broker
