#include "tests/sim/broker_plan_mqtt5.h"

#include <algorithm>
#include <sstream>

namespace penstock::sim {
namespace {

constexpr uint32_t kNeverExpires = UINT32_MAX;

uint64_t hash_of(std::string_view name) {
  uint64_t hash = 0;
  for (const char each : name) hash = hash * 31 + static_cast<uint8_t>(each);
  return hash;
}

// Of one that speaks nothing but 5.0, and is no member of a group. Some get what they publish themselves, or not.
void draw_options(core::SeededRandom random, ClientPlan& client) {
  constexpr uint8_t kRetainHandlings[] = {0, 0, test::kRetainWhenNew, test::kRetainNever};
  const bool publishes = random.chance(1, 3);
  if (random.chance(1, 2) || client.filters.empty()) return;
  uint32_t number = 0;
  for (const auto& [filter, qos] : client.filters) {
    FilterOptions& options = client.mqtt5.options[filter];
    if (random.chance(1, 2)) options.bits |= test::kNoLocal;
    if (random.chance(1, 2)) options.bits |= test::kRetainAsPublished;
    options.bits |= kRetainHandlings[random.below(std::size(kRetainHandlings))];
    ++number;
    if (random.chance(2, 3)) options.identifier = random.chance(1, 4) ? 300 * number : number;
  }
  if (!publishes) return;
  client.topics = {"a/0", "b/x/0"};
  client.qos = {0, 1, 2};
  client.publish_per_cent = static_cast<uint32_t>(1 + random.below(30));
}

void draw_client(core::SeededRandom random, ClientPlan& client) {
  Mqtt5Plan& plan = client.mqtt5;
  constexpr uint32_t kShares[] = {0, 50, 100, 100};
  plan.per_cent = kShares[random.below(std::size(kShares))];
  // Mostly a session that is kept: what is lost with it proves nothing.
  plan.expiry_s = {kNeverExpires};
  const bool varies = random.chance(1, 2);
  for (uint64_t count = 1 + random.below(3); count > 0; --count) {
    const auto seconds =
        static_cast<uint32_t>(random.chance(1, 3) ? 0 : 1 + random.below(random.chance(1, 2) ? 3 : 20));
    if (varies) plan.expiry_s.push_back(seconds);
  }
  // And it is away for as long.
  const auto away_s = static_cast<int64_t>(2 + random.below(8));
  if (varies && random.chance(1, 2)) client.away_ns_max = std::max(client.away_ns_max, away_s * core::kNsPerSecond);
  const uint32_t clean_start = random.chance(1, 3) ? static_cast<uint32_t>(random.below(30)) : 0;
  plan.clean_start_per_cent = clean_start;
  plan.other_expiry_per_cent = static_cast<uint32_t>(random.below(60));
  const auto few = static_cast<uint16_t>(1 + random.below(5));
  if (random.chance(1, 2)) plan.receive_maximum = few;
  const auto bytes = static_cast<uint32_t>(300 + random.below(2000));
  // A member that cannot take a message would keep it from the others.
  if (random.chance(1, 5) && !client.name.starts_with("member")) plan.packet_bytes_max = bytes;
  const auto outstay = static_cast<uint32_t>(10 + random.below(50));
  if (random.chance(1, 2)) plan.outstay_per_cent = outstay;
  const auto expiring = static_cast<uint32_t>(5 + random.below(60));
  if (random.chance(1, 2)) plan.expiring_per_cent = expiring;
  const auto aliases = static_cast<uint16_t>(1 + random.below(4));
  if (random.chance(1, 3)) plan.alias_max = aliases;
  plan.has_aliases = random.chance(1, 3);
  const auto delay_s = static_cast<uint32_t>(1 + random.below(random.chance(1, 2) ? 3 : 15));
  if (random.chance(1, 2)) plan.will_delay_s_max = delay_s;
  const auto with_will = static_cast<uint32_t>(random.below(60));
  if (random.chance(1, 2)) plan.leaves_with_will_per_cent = with_will;
  if (plan.per_cent == 100 && client.name.starts_with("subscriber"))
    draw_options(core::SeededRandom(random.next_u64()), client);
}

}  // namespace

void draw_mqtt5(uint64_t seed, const ScenarioLimits& limits, ScenarioPlan& plan) {
  core::SeededRandom random(seed);
  const bool drawn = random.chance(1, 3);
  const auto receive_maximum = static_cast<uint16_t>(1 + random.below(8));
  const bool is_small = random.chance(1, 4);
  if (!drawn || limits.off.has(Feature::kMqtt5)) return;
  plan.features.add(Feature::kMqtt5);
  // Where a session may be another one than its client thinks, an id that is soon used again may still be known.
  const bool had_few = plan.has(Feature::kFewPacketIds);
  plan.features.remove(Feature::kFewPacketIds);
  if (is_small) plan.broker.shard.receive_maximum = receive_maximum;
  for (ClientPlan& client : plan.clients) {
    draw_client(core::SeededRandom(seed + hash_of(client.name)), client);
    if (had_few) client.packet_id_max = UINT16_MAX;
    // What it repeats to a connection of 5.0 has to fit.
    if (is_small) client.window = std::min<size_t>(client.window, receive_maximum);
  }
}

std::string describe_mqtt5(const Mqtt5Plan& plan) {
  if (plan.per_cent == 0) return {};
  std::ostringstream out;
  out << ", MQTT 5.0 " << plan.per_cent << "%, session expiry";
  for (const uint32_t seconds : plan.expiry_s)
    if (seconds == kNeverExpires)
      out << " never";
    else
      out << ' ' << seconds << " s";
  out << ", clean start " << plan.clean_start_per_cent << "%, receive maximum " << plan.receive_maximum;
  if (plan.outstay_per_cent != 0) out << ", stays away for long " << plan.outstay_per_cent << "%";
  if (plan.expiring_per_cent != 0) out << ", messages expire " << plan.expiring_per_cent << "%";
  if (plan.will_delay_s_max != 0) out << ", wills delayed up to " << plan.will_delay_s_max << " s";
  if (plan.alias_max != 0) out << ", understands " << plan.alias_max << " aliases";
  if (plan.has_aliases) out << ", uses aliases";
  for (const auto& [filter, options] : plan.options)
    out << ", " << filter << " with options " << int{options.bits} << " and identifier " << options.identifier;
  if (plan.packet_bytes_max != 0) out << ", packets up to " << plan.packet_bytes_max << " bytes";
  return out.str();
}

}  // namespace penstock::sim
