#include "tests/sim/broker_scenario_plan.h"

#include <algorithm>
#include <sstream>

#include "tests/sim/broker_plan_groups.h"
#include "tests/sim/broker_plan_mqtt5.h"

namespace penstock::sim {
namespace {

constexpr const char* kFilters[] = {"#",     "a/#",   "a/+", "a/0",   "a/1", "+/0",  "b/x/#",
                                    "b/+/0", "+/x/+", "r/#", "b/x/0", "w/#", "w/+/0"};
constexpr const char* kTopics[] = {"a/0", "a/1", "a/2", "b/0", "b/x/0", "b/x/1", "c"};
constexpr int64_t kSecondUs = 1'000'000;
constexpr uint64_t kHugeBytes = 700'000;
// Without these a seed would be a quiet one; they are on more often than the others.
constexpr Feature kUsual[] = {Feature::kPowerCuts,  Feature::kKills, Feature::kCleanStops,
                              Feature::kManyShards, Feature::kCuts,  Feature::kCutsAtByte};

class PlanDraw {
 public:
  PlanDraw(uint64_t seed, const ScenarioLimits& limits) : random_(~seed), limits_(limits) {}
  ScenarioPlan draw();

 private:
  void draw_features();
  void draw_broker();
  void draw_log();
  void draw_disk();
  void draw_clients();
  ClientPlan draw_publisher(size_t number);
  ClientPlan draw_subscriber(size_t number);
  void draw_connections(ClientPlan& plan);
  void draw_habits(ClientPlan& plan);
  void draw_layers();

  bool on(Feature feature) const { return plan_.has(feature); }
  uint64_t below(uint64_t bound) { return random_.below(bound); }
  template <typename Value>
  Value if_on(Feature feature, Value value, Value otherwise = {}) const {
    return on(feature) ? value : otherwise;
  }
  uint32_t rate(Feature feature, uint64_t bound) {
    const auto value = static_cast<uint32_t>(1 + below(bound));
    return on(feature) ? value : 0;
  }

  core::SeededRandom random_;
  const ScenarioLimits& limits_;
  ScenarioPlan plan_;
};

ScenarioPlan PlanDraw::draw() {
  draw_features();
  draw_broker();
  draw_log();
  draw_disk();
  plan_.lives = std::min<size_t>(below(6) + 1, limits_.lives_max);
  plan_.life_ns_max = (int64_t{1} << below(5)) * core::kNsPerSecond;
  plan_.trouble_ns_mean = static_cast<int64_t>(100 + below(3000)) * core::kNsPerMs;
  const auto drift = static_cast<int64_t>(below(2000)) - 1000;
  plan_.drift_ppm = if_on(Feature::kClockDrift, drift);
  const size_t strangers = 1 + below(3);
  plan_.strangers = if_on(Feature::kStrangers, strangers);
  draw_clients();
  draw_layers();
  draw_groups(random_.next_u64(), limits_, plan_);
  draw_p2p(random_.next_u64(), limits_, plan_);
  draw_mqtt5(random_.next_u64(), limits_, plan_);
  const bool greedy = random_.chance(1, 12);
  if (greedy && !on(Feature::kLayers) && !limits_.off.has(Feature::kGreedyClient))
    plan_.features.add(Feature::kGreedyClient);
  return std::move(plan_);
}

// After all others: seeds that were there before this could be drawn keep their stories.
void PlanDraw::draw_layers() {
  const bool drawn = random_.chance(1, 4);
  const size_t count = 1 + below(3);
  if (!drawn || limits_.off.has(Feature::kLayers)) return;
  plan_.features.add(Feature::kLayers);
  plan_.broker.layers = count;
  for (ClientPlan& client : plan_.clients) client.layers = count;
}

void PlanDraw::draw_features() {
  const uint64_t of_16 = uint64_t{1} << (1 + below(3));
  for (size_t i = 0; i < kFeatures; ++i) {
    const auto feature = static_cast<Feature>(i);
    if (feature >= Feature::kLayers) continue;  // drawn behind the others
    const bool usual = std::ranges::count(kUsual, feature) > 0;
    if (random_.chance(usual ? 10 : of_16, 16) && !limits_.off.has(feature)) plan_.features.add(feature);
  }
  // What an acknowledgement is worth then, nobody has promised.
  if (on(Feature::kWeakDurability))
    for (const Feature feature : {Feature::kWriteErrors, Feature::kSyncErrors}) plan_.features.remove(feature);
  // Where a session may be another one than its client thinks, an id that is soon used again may still be known.
  if (on(Feature::kWeakDurability) || on(Feature::kSessionExpiry)) plan_.features.remove(Feature::kFewPacketIds);
}

void PlanDraw::draw_broker() {
  BrokerPlan& broker = plan_.broker;
  const auto shards = static_cast<broker::ShardIndex>(2 + below(7));
  broker.shards_count = std::min<broker::ShardIndex>(if_on<broker::ShardIndex>(Feature::kManyShards, shards, 1),
                                                     static_cast<broker::ShardIndex>(limits_.shards_max));
  broker.turn_ns_max = int64_t{2'000} << below(9);
  broker.stall_ns_max = static_cast<int64_t>(rate(Feature::kStalls, 400)) * core::kNsPerMs;
  broker::ShardOptions& shard = broker.shard;
  shard.payload_bytes_max = if_on<uint32_t>(Feature::kHugeMessages, kHugeBytes, 16u << 10);
  shard.packet_bytes_max = shard.payload_bytes_max + (64u << 10) + 1024;
  const auto window = static_cast<uint16_t>(1 + below(5));
  shard.inflight_max = if_on<uint16_t>(Feature::kSmallWindow, window, 100);
  shard.queue_qos0 = on(Feature::kQueueQos0);
  const auto expiry_s = static_cast<int64_t>(2 + below(random_.chance(1, 2) ? 5 : 40));
  shard.session_expiry_us = if_on(Feature::kSessionExpiry, expiry_s * kSecondUs);
  shard.connect_timeout_ns = static_cast<int64_t>(2 + below(8)) * core::kNsPerSecond;
  shard.parent_topics_max = static_cast<uint32_t>(1 + below(4));
  const uint64_t often = uint64_t{4096} << below(7);
  const uint64_t seldom = uint64_t{512 << 10} << below(4);
  shard.checkpoint_log_bytes = if_on(Feature::kFrequentCheckpoints, often, seldom);
}

void PlanDraw::draw_log() {
  log::LogOptions& log = plan_.broker.log;
  const uint64_t small_segment = uint64_t{64 << 10} << below(5);
  const uint64_t large_segment = uint64_t{1 << 20} << below(3);
  log.segment_bytes = if_on(Feature::kHugeMessages, large_segment, small_segment);
  const uint64_t tail = uint64_t{2 << 20} << below(2);  // less is refused at the start
  log.tail_bytes = if_on(Feature::kHugeMessages, 4 * tail, tail);
  log.prewrite_bytes = uint64_t{4096} * below(20);
  const auto retention_s = static_cast<int64_t>(3 + below(random_.chance(1, 2) ? 10 : 80));
  log.retention_us = if_on(Feature::kRetention, retention_s * kSecondUs, log::LogOptions{}.retention_us);
  const auto weak = random_.chance(1, 2) ? log::Durability::kWrite : log::Durability::kMemory;
  log.durability = if_on(Feature::kWeakDurability, weak, log::Durability::kSync);
}

void PlanDraw::draw_disk() {
  plan_.disk.refuse_direct = on(Feature::kNoDirectWrites);
  plan_.disk.torn_sector_per_million = if_on<uint32_t>(Feature::kTornSectors, 300'000);
  plan_.disk.latency_ns_max = if_on(Feature::kSlowDisk, 30 * core::kNsPerMs, 2 * core::kNsPerMs);
  plan_.faults.slow = rate(Feature::kSlowDisk, 3000);
  plan_.faults.short_read = plan_.faults.short_write = rate(Feature::kShortOperations, 20'000);
  plan_.faults.read_error = rate(Feature::kReadErrors, 100'000);
  // A failed log takes nothing more in this life, so they are rare.
  plan_.faults.write_error = rate(Feature::kWriteErrors, 2000);
  plan_.faults.directory_error = plan_.faults.allocate_error = 10 * plan_.faults.write_error;
  plan_.faults.sync_error = rate(Feature::kSyncErrors, 2000);
}

// Publishers and subscribers in turn: whoever is left when there are to be fewer, it is some of both.
void PlanDraw::draw_clients() {
  std::vector<ClientPlan> publishers;
  std::vector<ClientPlan> subscribers;
  for (uint64_t count = 1 + below(4), i = 0; i < count; ++i) publishers.push_back(draw_publisher(i));
  for (uint64_t count = 1 + below(5), i = 0; i < count; ++i) subscribers.push_back(draw_subscriber(i));
  for (size_t i = 0; i < std::max(publishers.size(), subscribers.size()); ++i)
    for (const auto* kind : {&publishers, &subscribers})
      if (i < kind->size()) plan_.clients.push_back((*kind)[i]);
  if (plan_.clients.size() > limits_.clients_max) plan_.clients.resize(limits_.clients_max);
}

ClientPlan PlanDraw::draw_publisher(size_t number) {
  ClientPlan plan{.name = "publisher-" + std::to_string(number)};
  for (const char* topic : kTopics)
    if (random_.chance(1, 2)) plan.topics.emplace_back(topic);
  if (plan.topics.empty()) plan.topics.emplace_back("a/0");
  for (uint8_t qos = 0; qos <= 2; ++qos)
    if (random_.chance(1, 2)) plan.qos.push_back(qos);
  if (plan.qos.empty()) plan.qos.push_back(2);
  plan.retain_per_cent = rate(Feature::kRetained, 40);
  plan.payload_bytes_max = random_.chance(1, 5) ? 15'000 : 20 + below(500);
  const bool huge = random_.chance(1, 2);
  plan.huge_per_mille = huge ? rate(Feature::kHugeMessages, 40) : 0;
  plan.huge_bytes_max = kHugeBytes - 100;
  plan.publish_per_cent = static_cast<uint32_t>(5 + below(95));
  plan.flood_per_mille = rate(Feature::kFloods, 20);
  plan.flood_messages_max = static_cast<uint32_t>(100 + below(3000));
  draw_connections(plan);
  draw_habits(plan);
  const bool clean = random_.chance(1, 3);
  plan.clean = clean && on(Feature::kCleanSessions);
  return plan;
}

ClientPlan PlanDraw::draw_subscriber(size_t number) {
  ClientPlan plan{.name = "subscriber-" + std::to_string(number)};
  for (uint64_t count = 1 + below(3), i = 0; i < count; ++i) {
    const std::string filter = kFilters[below(std::size(kFilters))];
    const auto qos = static_cast<uint8_t>(below(3));
    if (std::ranges::none_of(plan.filters, [&](const auto& each) { return each.first == filter; }))
      plan.filters.emplace_back(filter, qos);
  }
  plan.resubscribe_per_mille = rate(Feature::kResubscribing, 20);
  draw_connections(plan);
  draw_habits(plan);
  const bool clean = random_.chance(1, 3);
  plan.clean = clean && on(Feature::kCleanSessions);
  return plan;
}

void PlanDraw::draw_connections(ClientPlan& plan) {
  plan.keepalive_s = static_cast<uint16_t>(2 + below(4));
  plan.leave_per_mille = rate(Feature::kLeaving, 30);
  plan.cut_per_mille = rate(Feature::kCuts, 60);
  plan.cut_at_byte_per_cent = rate(Feature::kCutsAtByte, 70);
  plan.vanish_per_mille = rate(Feature::kVanishing, 15);
  plan.take_over_per_mille = rate(Feature::kTakeOvers, 30);
  plan.silence_per_mille = rate(Feature::kSilence, 10);
  plan.slow_per_mille = rate(Feature::kSlowReaders, 30);
  plan.away_ns_max = static_cast<int64_t>(1 + below(random_.chance(1, 4) ? 8000 : 400)) * core::kNsPerMs;
}

void PlanDraw::draw_habits(ClientPlan& plan) {
  plan.act_ns_mean = static_cast<int64_t>(20 + below(200)) * core::kNsPerMs;
  plan.will_per_cent = rate(Feature::kWills, 100);
  plan.lazy_per_cent = rate(Feature::kLazyAcknowledgements, 100);
  plan.window = 1 + below(20);
  const auto few = static_cast<uint16_t>(3 * plan.window + below(10));
  const auto many = static_cast<uint16_t>(60'000 + below(5000));
  plan.packet_id_max = if_on(Feature::kFewPacketIds, few, many);
}

std::string describe(const ClientPlan& client) {
  std::ostringstream out;
  out << client.name << (client.clean ? ", clean session" : "") << ", keepalive " << client.keepalive_s << " s, window "
      << client.window << ", acts every " << client.act_ns_mean / core::kNsPerMs << " ms";
  out << describe_mqtt5(client.mqtt5);
  for (const auto& [filter, qos] : client.filters) out << ", subscribes to " << filter << " at QoS " << int{qos};
  if (!client.topics.empty()) out << ", publishes " << client.publish_per_cent << "% to";
  for (const std::string& topic : client.topics) out << ' ' << topic;
  for (const uint8_t qos : client.qos) out << " QoS" << int{qos};
  if (!client.topics.empty()) out << " up to " << client.payload_bytes_max << " bytes";
  return out.str();
}

}  // namespace

ScenarioPlan draw_plan(uint64_t seed, const ScenarioLimits& limits) {
  return PlanDraw(seed, limits).draw();
}

std::string ScenarioPlan::describe() const {
  constexpr const char* kDurability[] = {"sync", "write", "memory"};
  std::ostringstream out;
  out << "  features: " << features.names() << "\n  broker: " << broker.shards_count << " shards, " << broker.layers
      << " layers, durability " << kDurability[static_cast<size_t>(broker.log.durability)] << ", segments "
      << (broker.log.segment_bytes >> 10) << " KiB, tail " << (broker.log.tail_bytes >> 10) << " KiB, checkpoint every "
      << (broker.shard.checkpoint_log_bytes >> 10) << " KiB, inflight " << broker.shard.inflight_max << ", retention "
      << broker.log.retention_us / kSecondUs << " s, session expiry " << broker.shard.session_expiry_us / kSecondUs
      << " s\n  disk: latency up to " << disk.latency_ns_max / core::kNsPerMs << " ms, per million: slow "
      << faults.slow << ", read errors " << faults.read_error << ", write errors " << faults.write_error
      << ", sync errors " << faults.sync_error << ", short " << faults.short_write << "\n  " << lives
      << " lives of up to " << life_ns_max / core::kNsPerSecond << " s, then one without trouble\n";
  for (const ClientPlan& client : clients) out << "  " << sim::describe(client) << "\n";
  return out.str();
}

}  // namespace penstock::sim
