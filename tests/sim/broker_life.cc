#include "tests/sim/broker_life.h"

#include <algorithm>

#include "core/check.h"
#include "log/file_names.h"
#include "log/sealed_log.h"
#include "tests/sim/broker_heap.h"

namespace penstock::sim {
namespace {

constexpr int64_t kStopNsMax = 90 * core::kNsPerSecond;
constexpr int64_t kWakeNsMin = 1'000;
constexpr int64_t kSleepNsMax = core::kNsPerSecond;  // as in broker/shard_thread.cc

}  // namespace

BrokerLife::Lane::Lane(BrokerLife& broker_life, broker::ShardIndex shard_index)
    : life(broker_life),
      index(shard_index),
      random(life.world_.fork_random()),
      network(life.hub_, [this] { begin_turn(); }),
      storage(life.disk_, [this] { on_completion(); }) {}

void BrokerLife::Lane::open_turn() {
  if (in_turn) return;
  in_turn = true;
  life.office_->set_sleeping(index, false);
  in_broker([this] { shard->begin_turn(life.world_.clock().monotonic_ns()); });
}

// Something happens to the shard: it is handled within a turn, and what follows until that ends is handled in it, too.
void BrokerLife::Lane::begin_turn() {
  CHECK(serving);
  if (in_turn) return;
  open_turn();
  const bool stalls = life.plan_.stall_ns_max > 0 && life.world_.random().chance(1, 200);
  turn_within(0, stalls ? life.plan_.stall_ns_max : life.plan_.turn_ns_max);
}

void BrokerLife::Lane::turn_within(int64_t delay_ns_min, int64_t delay_ns_max) {
  life.world_.within(delay_ns_min, delay_ns_max, [this, alive = std::weak_ptr(life.alive_), turn = turns] {
    if (alive.expired() || turn != turns) return;
    open_turn();
    end_turn();
  });
}

void BrokerLife::Lane::end_turn() {
  storage.dispatch();
  const bool more = in_broker([this] { return shard->end_turn(); });
  in_turn = false;
  ++turns;
  if (shard->stopped()) {
    serving = false;
    return;
  }
  if (more) return turn_within(kWakeNsMin, life.plan_.turn_ns_max);
  life.office_->set_sleeping(index, true);
  if (life.office_->has_mail(index)) return turn_within(kWakeNsMin, life.plan_.turn_ns_max);
  // Whatever comes first: completions, mail and sockets cut the sleep short.
  const int64_t now_ns = life.world_.clock().monotonic_ns();
  const int64_t sleep_ns = std::clamp<int64_t>(shard->next_timer_ns() - now_ns, 0, kSleepNsMax);
  life.world_.after(sleep_ns, [this, alive = std::weak_ptr(life.alive_), turn = turns] {
    if (!alive.expired() && turn == turns) begin_turn();
  });
}

void BrokerLife::Lane::on_completion() {
  if (serving) begin_turn();
}

void BrokerLife::Lane::wake() {
  if (serving && !in_turn) turn_within(kWakeNsMin, life.plan_.turn_ns_max);
}

BrokerLife::BrokerLife(SimWorld& world, SimStorage& disk, SimHub& hub, BrokerPlan plan)
    : world_(world), disk_(disk), hub_(hub), plan_(std::move(plan)), source_(plan_.layers) {}

BrokerLife::~BrokerLife() {
  CHECK(disk_.halted());
  alive_.reset();
  for (auto& lane : lanes_) lane->serving = false;
  // While every owner of an operation is still there: destructors wait for their own ones only.
  for (auto& lane : lanes_)
    while (lane->storage.fail_all()) {
    }
  lanes_.clear();
}

core::Status BrokerLife::start() {
  ASSIGN_OR_RETURN(broker::DataDirectory directory,
                   broker::DataDirectory::open(disk_, world_.clock(), plan_.data_directory));
  directory_ = std::make_unique<broker::DataDirectory>(std::move(directory));
  return start_shards();
}

core::Status BrokerLife::open_sealed_logs() {
  for (const auto& [id, sealed_us] : directory_->sealed_logs()) {
    const std::string path = log::path_in(plan_.data_directory, log::log_directory_name(id));
    ASSIGN_OR_RETURN(auto sealed, log::SealedLog::open(disk_, path, id, sealed_us));
    sealed_logs_.push_back(std::move(sealed));
  }
  return {};
}

core::Status BrokerLife::start_shards() {
  ASSIGN_OR_RETURN(const std::vector<broker::ShardPlace> places, directory_->lay_out(plan_.shards_count, plan_.log));
  RETURN_IF_ERROR(open_sealed_logs());
  office_ = std::make_unique<broker::PostOffice>(plan_.shards_count);
  for (const broker::ShardPlace& place : places) lanes_.push_back(std::make_unique<Lane>(*this, place.index));
  RETURN_IF_ERROR(in_broker([&] { return restore_shards(places); }));
  RETURN_IF_ERROR(directory_->commit_layout());
  RETURN_IF_ERROR(in_broker([&] { return open_shards(); }));
  for (auto& lane : lanes_) {
    lane->serving = true;
    lane->turn_within(0, plan_.turn_ns_max);
  }
  return {};
}

core::Status BrokerLife::restore_shards(const std::vector<broker::ShardPlace>& places) {
  for (auto& lane : lanes_) {
    lane->shard = std::make_unique<broker::BrokerShard>(
        places[lane->index], plan_.shard,
        broker::ShardSeams{lane->network, lane->storage, world_.clock(), lane->random},
        broker::PostCounter(*office_, lane->index,
                            [this](broker::ShardIndex to) { in_world([&] { lanes_[to]->wake(); }); }));
    RETURN_IF_ERROR(lane->shard->restore());
    RETURN_IF_ERROR(lane->shard->open());
  }
  for (auto& lane : lanes_)
    if (directory_->layout_changed() || lane->shard->must_checkpoint())
      RETURN_IF_ERROR(lane->shard->write_first_checkpoint());
  return {};
}

core::Status BrokerLife::open_shards() {
  std::vector<log::SharedLog*> logs;
  for (auto& lane : lanes_) logs.push_back(&lane->shard->log().shared());
  for (auto& sealed : sealed_logs_) logs.push_back(&sealed->shared());
  for (auto& lane : lanes_) lane->shard->add_logs(logs);
  for (auto& lane : lanes_) {
    const auto bound = lane->shard->listen({"0.0.0.0", plan_.port}, plan_.layers == 0 ? nullptr : &source_);
    if (!bound.has_value()) return std::unexpected(bound.error());
  }
  return {};
}

bool BrokerLife::stopped() const {
  return !lanes_.empty() &&
         std::ranges::all_of(lanes_, [](const auto& lane) { return lane->shard != nullptr && lane->shard->stopped(); });
}

bool BrokerLife::stop() {
  for (auto& lane : lanes_) {
    lane->begin_turn();
    in_broker([&] { lane->shard->begin_stop(); });
  }
  const int64_t patience_end_ns = world_.clock().monotonic_ns() + kStopNsMax;
  while (!stopped() && !disk_.halted() && world_.clock().monotonic_ns() < patience_end_ns) {
    const bool something_was_pending = world_.step();
    CHECK(something_was_pending);
  }
  return stopped();
}

void BrokerLife::die(Death death) {
  alive_.reset();
  for (auto& lane : lanes_)
    lane->network.die(death == Death::kPowerCut ? SimNetwork::Death::kPowerCut : SimNetwork::Death::kKilled);
}

}  // namespace penstock::sim
