#include "tests/sim/broker_scenario.h"

#include <algorithm>

#include "broker/output_buffer.h"
#include "log/log_reader.h"
#include "tests/sim/broker_heap.h"

namespace penstock::sim {
namespace {

constexpr int64_t kSettleNs = 60 * core::kNsPerSecond;
constexpr int64_t kQuietNs = 12 * core::kNsPerSecond;  // longer than any keepalive
constexpr size_t kOpenFilesPerShardMax = 64;
// Of heap, what grows with use: queues, what a write of the log takes, what is remembered.
constexpr uint64_t kHeapPerShardMax = 3u << 20;
// Of a client, the packet that is kept, its will, its retained messages, and what is made of one large packet.
constexpr uint64_t kPacketsPerClientMax = 4;
constexpr uint64_t kReceivedPerTurnMax = 4u << 20;  // by a shard: its receive buffers; all of it may ask for answers
constexpr uint64_t kHeapPerAnswerMax = 128;         // that waits for the log, in a queue that doubles

}  // namespace

BrokerScenario::BrokerScenario(uint64_t seed, const ScenarioLimits& limits, ScenarioTally& tally)
    : world_(seed),
      disk_(world_),
      hub_(world_),
      plan_(draw_plan(seed, limits)),
      tally_(tally),
      oracle_(world_, tally),
      on_failure_(world_) {
  disk_.options() = plan_.disk;
  tell_promises();
  for (const ClientPlan& client : plan_.clients)
    clients_.push_back(std::make_unique<ModelledClient>(world_, hub_, oracle_, client, kPort));
  for (size_t i = 0; i < plan_.strangers; ++i)
    strangers_.push_back(
        std::make_unique<Stranger>(world_, hub_, oracle_,
                                   StrangerPlan{.name = "stranger-" + std::to_string(i),
                                                .port = kPort,
                                                .connect_timeout_ns = plan_.broker.shard.connect_timeout_ns,
                                                .payload_bytes_max = plan_.broker.shard.payload_bytes_max}));
  if (has(Feature::kGreedyClient)) greedy_ = std::make_unique<GreedyClient>(world_, hub_, "greedy", kPort);
}

void BrokerScenario::tell_promises() {
  oracle_.set_promises({.session_expiry_us = plan_.broker.shard.session_expiry_us,
                        .retention_us = plan_.broker.log.retention_us,
                        .inflight_max = plan_.broker.shard.inflight_max,
                        .turn_ns_max = std::max(plan_.broker.turn_ns_max, plan_.broker.stall_ns_max),
                        .queue_qos0 = plan_.broker.shard.queue_qos0,
                        .may_refuse = plan_.disk_may_refuse(),
                        .may_lose = plan_.loses_by_power_cut(),
                        .may_misread = has(Feature::kReadErrors),
                        .may_be_late = plan_.disk_may_refuse() || has(Feature::kSlowDisk)});
}

void BrokerScenario::run() {
  world_.clock().set_drift(plan_.drift_ppm);
  for (auto& client : clients_) client->start();
  for (auto& stranger : strangers_) stranger->start();
  if (greedy_ != nullptr) greedy_->start();
  for (size_t lives = plan_.lives; lives > 0 && !failed(); --lives) life();
  if (!failed()) last_life();
  if (!failed() && has(Feature::kDamageAtRest)) run_on_damaged_files();
  tally_.steps += world_.steps();
  tally_.disk_faults += disk_.faults_met();
  if (broker_ == nullptr) return;
  if (!disk_.halted()) disk_.kill();
  end_life(false);
}

// False where the disk halted within it.
bool BrokerScenario::start_broker() {
  ++tally_.lives;
  world_.trace("broker starts", "", plan_.broker.shards_count, static_cast<int64_t>(tally_.lives));
  broker_ = std::make_unique<BrokerLife>(world_, disk_, hub_, plan_.broker);
  const core::Status status = broker_->start();
  if (status.has_value() && !disk_.halted()) {
    world_.trace("broker serves", "");
    oracle_.broker_serves();
    answers_max_ = 0;
    heap_at_start_ = heap_peak_ = broker_heap_bytes();
    return true;
  }
  ++tally_.interrupted_starts;
  if (!disk_.halted() && !oracle_.damaged()) ADD_FAILURE() << "the broker does not start: " << status.error().message;
  return false;
}

void BrokerScenario::run_for(int64_t ns) {
  const int64_t end_ns = world_.clock().monotonic_ns() + ns;
  while (world_.next_due_ns() <= end_ns && !disk_.halted() && !failed()) {
    world_.step();
    check_heap();
  }
  if (!disk_.halted()) world_.clock().advance_to(end_ns);
}

// How this life ends, and when. True: by a power cut.
bool BrokerScenario::draw_death() {
  const uint64_t steps = chance(1, 3) ? world_.random().below(200) : world_.random().below(5000);
  const bool at_step = chance(2, 3);
  bool power_cut = has(Feature::kPowerCuts) && (!has(Feature::kKills) || chance(1, 2));
  // After a failed fdatasync the page cache says what the disk does not have; only a boot tells them apart.
  if (has(Feature::kNoDirectWrites) && (has(Feature::kSyncErrors) || has(Feature::kWriteErrors))) power_cut = true;
  if (!at_step || (!power_cut && !has(Feature::kKills))) return power_cut;
  power_cut ? disk_.crash_after(steps) : disk_.kill_after(steps);
  return power_cut;
}

void BrokerScenario::life() {
  core::SeededRandom& random = world_.random();
  if (has(Feature::kLayoutChanges) && chance(1, 2)) {
    plan_.broker.shards_count = static_cast<broker::ShardIndex>(1 + random.below(has(Feature::kManyShards) ? 8 : 3));
    ++tally_.layouts_changed;
  }
  const bool power_cut = draw_death();
  if (start_broker()) {
    trouble_begins();
    run_for(static_cast<int64_t>(random.below(static_cast<uint64_t>(plan_.life_ns_max))));
    if (!disk_.halted() && !failed() && has(Feature::kCleanStops) && chance(1, 2)) stop_broker();
  }
  trouble_ends();
  if (failed() && !disk_.halted()) return;
  if (!disk_.halted()) power_cut ? disk_.crash() : disk_.kill();
  end_life(power_cut);
  if (chance(1, 2)) run_for(static_cast<int64_t>(random.below(3000)) * core::kNsPerMs);
}

void BrokerScenario::stop_broker() {
  world_.trace("broker stops", "");
  oracle_.broker_stops();
  const bool stopped = broker_->stop();
  ++(stopped ? tally_.clean_stops : tally_.interrupted_stops);
  if (!stopped && !disk_.halted() && !has(Feature::kDiskFull)) ADD_FAILURE() << "the broker does not stop";
}

void BrokerScenario::end_life(bool power_cut) {
  ++(power_cut ? tally_.power_cuts : tally_.kills);
  world_.trace("broker is dead", power_cut ? "power cut" : "killed");
  const bool stopped = broker_->stopped() && !has(Feature::kDiskFull);  // else it may not have written everything
  broker_->die(power_cut ? BrokerLife::Death::kPowerCut : BrokerLife::Death::kKilled);
  broker_.reset();
  if (broker_heap_bytes() != 0) ADD_FAILURE() << broker_heap_bytes() << " bytes of a dead broker are left";
  const bool lossy = !stopped && (power_cut ? plan_.loses_by_power_cut() : plan_.loses_by_kill());
  using Loss = BrokerOracle::Loss;
  oracle_.broker_died(!lossy ? Loss::kNothing : power_cut ? Loss::kAny : Loss::kTheEnd);
  if (lossy)
    for (auto& client : clients_) client->forget_incoming();
  disk_.restart();
}

bool BrokerScenario::all_settled() const {
  return std::ranges::all_of(clients_, [](const auto& client) { return client->settled(); });
}

std::string BrokerScenario::unsettled() const {
  std::string all;
  for (const auto& client : clients_)
    if (!client->settled()) all += client->describe() + "\n";
  return all;
}

void BrokerScenario::settle_all() {
  world_.trace("clients settle", "");
  for (auto& client : clients_) client->settle();
  for (auto& stranger : strangers_) stranger->settle();
  if (greedy_ != nullptr) greedy_->settle();
  const int64_t end_ns = world_.clock().monotonic_ns() + kSettleNs;
  while (!(all_settled() && oracle_.missing().empty()) && world_.clock().monotonic_ns() < end_ns && !failed())
    run_for(100 * core::kNsPerMs);
}

void BrokerScenario::last_life() {
  plan_.broker.stall_ns_max = 0;
  disk_.options().latency_ns_max = 2 * core::kNsPerMs;
  if (has(Feature::kReadErrors)) oracle_.forgive_what_is_owed();
  if (!start_broker()) return;
  if (chance(1, 2)) run_for(static_cast<int64_t>(world_.random().below(3000)) * core::kNsPerMs);
  settle_all();
  if (failed()) return;
  if (const std::string missing = oracle_.missing(); !missing.empty()) ADD_FAILURE() << "not delivered: " << missing;
  if (const std::string open = unsettled(); !open.empty()) ADD_FAILURE() << "not at rest: " << open;
  if (failed()) return;
  run_for(kQuietNs);  // what should not come, would come now
  if (failed()) return;
  check_nothing_is_left_open();
  check_retained();
}

// docs/architecture.md, "What is bounded": no client makes it more, however it behaves.
uint64_t BrokerScenario::heap_bytes_max() {
  const broker::ShardOptions& options = plan_.broker.shard;
  const uint64_t output = broker::OutputBuffer::kAnswerBytesMax * (plan_.broker.layers == 0 ? 1 : 2);
  const uint64_t client = output + kPacketsPerClientMax * options.packet_bytes_max;
  uint64_t bytes = heap_at_start_ + (clients_.size() + strangers_.size() + 1) * client;
  if (plan_.broker.stall_ns_max > 0) bytes += kReceivedPerTurnMax;  // otherwise turns are short
  const log::LogReader::Options reader;
  uint64_t answers = 0;
  for (broker::ShardIndex i = 0; i < broker_->shards_count(); ++i) {
    const uint64_t cold_reads = broker_->shard(i).reader().cold_reads();
    bytes += kHeapPerShardMax + std::min<uint64_t>(cold_reads, reader.chunks_max) * reader.chunk_bytes;
    answers += broker_->shard(i).acknowledgements().size();
  }
  answers_max_ = std::max(answers_max_, answers);
  return bytes + answers_max_ * kHeapPerAnswerMax;
}

void BrokerScenario::check_heap() {
  const uint64_t bytes = broker_heap_bytes();
  if (bytes <= heap_peak_ || broker_ == nullptr) return;
  heap_peak_ = bytes;
  tally_.heap_grown_max = std::max(tally_.heap_grown_max, bytes - heap_at_start_);
  if (const uint64_t max = heap_bytes_max(); bytes > max)
    ADD_FAILURE() << "the broker holds " << bytes << " bytes of heap, more than " << max << "; at its start "
                  << heap_at_start_;
}

// What has ended has given back what it held.
void BrokerScenario::check_nothing_is_left_open() const {
  const auto connected =
      static_cast<size_t>(std::ranges::count_if(clients_, [](const auto& client) { return client->connected(); }));
  if (hub_.broker_sockets() > connected + strangers_.size())
    ADD_FAILURE() << hub_.broker_sockets() << " sockets are open for " << connected << " clients";
  const size_t files_max = kOpenFilesPerShardMax * plan_.broker.shards_count + disk_.files("/data").size();
  if (disk_.open_files() > files_max) ADD_FAILURE() << disk_.open_files() << " files are open";
}

void BrokerScenario::check_retained() {
  clients_.push_back(std::make_unique<ModelledClient>(world_, hub_, oracle_,
                                                      ClientPlan{.name = "newcomer",
                                                                 .clean = true,
                                                                 .filters = {{"#", 0}},
                                                                 .packet_id_max = 100,
                                                                 .layers = plan_.broker.layers},
                                                      kPort));
  clients_.back()->start();
  clients_.back()->settle();
  run_for(10 * core::kNsPerSecond);
  if (!clients_.back()->settled()) ADD_FAILURE() << "not at rest: " << clients_.back()->describe();
  oracle_.check_retained(clients_.back()->retained());
}

}  // namespace penstock::sim
