#include "tests/sim/broker_scenario.h"

#include <algorithm>

namespace penstock::sim {
namespace {

constexpr int64_t kSettleNs = 60 * core::kNsPerSecond;
constexpr const char* kFilters[] = {"#", "a/#", "a/+", "a/0", "a/1", "+/0", "b/x/#", "b/+/0", "+/x/+", "r/#", "b/x/0"};
constexpr const char* kTopics[] = {"a/0", "a/1", "a/2", "b/0", "b/x/0", "b/x/1", "c"};

}  // namespace

BrokerScenario::BrokerScenario(uint64_t seed, const ScenarioBounds& bounds, ScenarioTally& tally)
    : world_(seed),
      disk_(world_),
      hub_(world_),
      bounds_(bounds),
      tally_(tally),
      oracle_(world_, tally),
      on_failure_(world_) {
  draw_broker();
  draw_clients();
}

void BrokerScenario::draw_broker() {
  core::SeededRandom& random = world_.random();
  plan_.port = kPort;
  plan_.shards_count = static_cast<broker::ShardIndex>(1 + random.below(bounds_.shards_max));
  plan_.turn_ns_max = int64_t{2'000} << random.below(9);
  plan_.stall_ns_max = static_cast<int64_t>(rarely(400)) * core::kNsPerMs;
  plan_.shard.payload_bytes_max = 16u << 10;
  plan_.shard.inflight_max = static_cast<uint16_t>(random.chance(1, 3) ? 1 + random.below(5) : 100);
  plan_.shard.queue_qos0 = random.chance(1, 4);
  plan_.shard.parent_topics_max = static_cast<uint32_t>(1 + random.below(4));
  plan_.shard.checkpoint_log_bytes = uint64_t{4096} << random.below(10);
  plan_.log.segment_bytes = uint64_t{64 << 10} << random.below(5);
  plan_.log.tail_bytes = uint64_t{1 << 20} << random.below(2);
  plan_.log.prewrite_bytes = uint64_t{4096} * random.below(20);
  power_cuts_ = random.chance(5, 6);
  plan_.log.durability = power_cuts_ || random.chance(1, 2) ? log::Durability::kSync : log::Durability::kWrite;
  life_ns_max_ = (int64_t{1} << random.below(5)) * core::kNsPerSecond;
  disk_.options().refuse_direct = random.chance(1, 5);
  if (random.chance(1, 4)) disk_.options().torn_sector_per_million = 300'000;
  if (random.chance(1, 4)) disk_.options().latency_ns_max = 30 * core::kNsPerMs;
  disk_.faults.slow = static_cast<uint32_t>(rarely(3000));
  disk_.faults.short_read = static_cast<uint32_t>(rarely(20'000));
  disk_.faults.short_write = static_cast<uint32_t>(rarely(20'000));
}

void BrokerScenario::draw_clients() {
  core::SeededRandom& random = world_.random();
  std::vector<ClientPlan> plans;
  for (uint64_t count = 1 + random.below(4), i = 0; i < count; ++i) plans.push_back(draw_publisher(i));
  for (uint64_t count = 1 + random.below(5), i = 0; i < count; ++i) plans.push_back(draw_subscriber(i));
  for (ClientPlan& plan : plans) {
    draw_trouble(plan);
    clients_.push_back(std::make_unique<ModelledClient>(world_, hub_, oracle_, std::move(plan), kPort));
  }
}

ClientPlan BrokerScenario::draw_publisher(size_t number) {
  core::SeededRandom& random = world_.random();
  ClientPlan plan{.name = "publisher-" + std::to_string(number)};
  plan.clean = random.chance(1, 8);
  for (const char* topic : kTopics)
    if (random.chance(1, 2)) plan.topics.emplace_back(topic);
  if (plan.topics.empty()) plan.topics.emplace_back("a/0");
  for (uint8_t qos = 0; qos <= bounds_.qos_max; ++qos)
    if (random.chance(1, 2)) plan.qos.push_back(qos);
  if (plan.qos.empty()) plan.qos.push_back(bounds_.qos_max);
  plan.retain_per_cent = random.chance(1, 2) ? 0 : 20;
  plan.payload_bytes_max = random.chance(1, 5) ? 15'000 : 20 + random.below(500);
  plan.publish_per_cent = static_cast<uint32_t>(5 + random.below(95));
  return plan;
}

ClientPlan BrokerScenario::draw_subscriber(size_t number) {
  core::SeededRandom& random = world_.random();
  ClientPlan plan{.name = "subscriber-" + std::to_string(number)};
  plan.clean = random.chance(1, 5);
  for (uint64_t count = 1 + random.below(3), i = 0; i < count; ++i) {
    const std::string filter = kFilters[random.below(std::size(kFilters))];
    if (std::ranges::none_of(plan.filters, [&](const auto& each) { return each.first == filter; }))
      plan.filters.emplace_back(filter, static_cast<uint8_t>(random.below(bounds_.qos_max + 1u)));
  }
  plan.resubscribe_per_mille = static_cast<uint32_t>(rarely(20));
  return plan;
}

void BrokerScenario::draw_trouble(ClientPlan& plan) {
  core::SeededRandom& random = world_.random();
  plan.act_ns_mean = static_cast<int64_t>(20 + random.below(200)) * core::kNsPerMs;
  plan.leave_per_mille = static_cast<uint32_t>(rarely(30));
  plan.cut_per_mille = static_cast<uint32_t>(rarely(60));
  plan.vanish_per_mille = static_cast<uint32_t>(rarely(15));
  plan.slow_per_mille = static_cast<uint32_t>(rarely(30));
  plan.cut_at_byte_per_cent = static_cast<uint32_t>(rarely(70));
  plan.lazy_per_cent = static_cast<uint32_t>(rarely(100));
  plan.away_ns_max = static_cast<int64_t>(1 + random.below(random.chance(1, 4) ? 8000 : 400)) * core::kNsPerMs;
  plan.window = 1 + random.below(20);
  plan.packet_id_max =
      static_cast<uint16_t>(random.chance(1, 2) ? 3 * plan.window + random.below(10) : 60'000 + random.below(5000));
}

// ---------------------------------------------------------------- lives

void BrokerScenario::run() {
  for (auto& client : clients_) client->start();
  for (uint64_t lives = world_.random().below(6) + 1; lives > 0 && !testing::Test::HasFailure(); --lives) life();
  if (!testing::Test::HasFailure()) last_life();
  tally_.steps += world_.steps();
  if (broker_ == nullptr) return;
  if (!disk_.halted()) disk_.kill();
  end_life(false);
}

// False where the disk halted within it.
bool BrokerScenario::start_broker() {
  ++tally_.lives;
  world_.trace("broker starts", "", plan_.shards_count, static_cast<int64_t>(tally_.lives));
  broker_ = std::make_unique<BrokerLife>(world_, disk_, hub_, plan_);
  const core::Status status = broker_->start();
  if (status.has_value() && !disk_.halted()) {
    world_.trace("broker serves", "");
    return true;
  }
  ++tally_.interrupted_starts;
  if (!disk_.halted()) ADD_FAILURE() << "the broker does not start: " << status.error().message;
  return false;
}

void BrokerScenario::run_for(int64_t ns) {
  const int64_t end_ns = world_.clock().monotonic_ns() + ns;
  while (world_.next_due_ns() <= end_ns && !disk_.halted() && !testing::Test::HasFailure()) world_.step();
  if (!disk_.halted()) world_.clock().advance_to(end_ns);
}

void BrokerScenario::life() {
  core::SeededRandom& random = world_.random();
  if (bounds_.shards_change && random.chance(1, 4)) {
    plan_.shards_count = static_cast<broker::ShardIndex>(1 + random.below(bounds_.shards_max));
    ++tally_.layouts_changed;
  }
  const bool power_cut = power_cuts_ && random.chance(3, 4);
  if (random.chance(2, 3)) {
    const uint64_t steps = random.chance(1, 3) ? random.below(200) : random.below(5000);
    power_cut ? disk_.crash_after(steps) : disk_.kill_after(steps);
  }
  if (start_broker()) {
    run_for(static_cast<int64_t>(random.below(static_cast<uint64_t>(life_ns_max_))));
    if (!disk_.halted() && !testing::Test::HasFailure() && random.chance(1, 3)) {
      world_.trace("broker stops", "");
      ++(broker_->stop() ? tally_.clean_stops : tally_.interrupted_stops);
    }
  }
  if (testing::Test::HasFailure() && !disk_.halted()) return;
  if (!disk_.halted()) power_cut ? disk_.crash() : disk_.kill();
  end_life(power_cut);
  run_for(static_cast<int64_t>(rarely(3000)) * core::kNsPerMs);
}

void BrokerScenario::end_life(bool power_cut) {
  ++(power_cut ? tally_.power_cuts : tally_.kills);
  world_.trace("broker is dead", power_cut ? "power cut" : "killed");
  broker_->die(power_cut ? BrokerLife::Death::kPowerCut : BrokerLife::Death::kKilled);
  broker_.reset();
  oracle_.broker_died();
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

void BrokerScenario::last_life() {
  disk_.faults = {};
  disk_.options().latency_ns_max = 2 * core::kNsPerMs;
  plan_.stall_ns_max = 0;
  if (!start_broker()) return;
  run_for(static_cast<int64_t>(rarely(3000)) * core::kNsPerMs);
  world_.trace("clients settle", "");
  for (auto& client : clients_) client->settle();
  const int64_t end_ns = world_.clock().monotonic_ns() + kSettleNs;
  while (!(all_settled() && oracle_.missing().empty()) && world_.clock().monotonic_ns() < end_ns &&
         !testing::Test::HasFailure())
    run_for(100 * core::kNsPerMs);
  if (testing::Test::HasFailure()) return;
  if (const std::string missing = oracle_.missing(); !missing.empty()) ADD_FAILURE() << "not delivered: " << missing;
  if (const std::string open = unsettled(); !open.empty()) ADD_FAILURE() << "not at rest: " << open;
  if (testing::Test::HasFailure()) return;
  run_for(5 * core::kNsPerSecond);  // what should not come, would come now
  check_retained();
}

void BrokerScenario::check_retained() {
  clients_.push_back(std::make_unique<ModelledClient>(
      world_, hub_, oracle_, ClientPlan{.name = "newcomer", .clean = true, .filters = {{"#", 0}}, .packet_id_max = 100},
      kPort));
  clients_.back()->start();
  clients_.back()->settle();
  run_for(10 * core::kNsPerSecond);
  if (!clients_.back()->settled()) ADD_FAILURE() << "not at rest: " << clients_.back()->describe();
  oracle_.check_retained(clients_.back()->retained());
}

}  // namespace penstock::sim
