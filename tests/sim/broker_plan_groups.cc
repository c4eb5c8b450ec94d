#include "tests/sim/broker_plan_groups.h"

namespace penstock::sim {
namespace {

constexpr const char* kSharedFilters[] = {"#", "a/#", "a/0", "+/0", "b/x/#", "w/#"};
constexpr const char* kParents[] = {"a", "b", "peers"};
// Some of them are nobody in most seeds.
constexpr const char* kPeers[] = {"subscriber-0", "subscriber-1", "subscriber-2", "publisher-0",
                                  "publisher-1",  "member-0",     "member-1",     "nobody"};

}  // namespace

// Members have the habits of some other client. Each is in one group, and subscribes to nothing else: so whatever comes
// to it came by that.
void draw_groups(uint64_t seed, const ScenarioLimits& limits, ScenarioPlan& plan) {
  core::SeededRandom random(seed);
  const bool drawn = random.chance(1, 4);
  const size_t groups = 1 + random.below(2);
  std::vector<std::pair<std::string, uint8_t>> filters;
  for (size_t i = 0; i < groups; ++i) {
    const std::string filter = kSharedFilters[random.below(std::size(kSharedFilters))];
    filters.emplace_back("$share/g" + std::to_string(i) + "/" + filter, static_cast<uint8_t>(2 - random.below(5) / 2));
  }
  const size_t members = 1 + random.below(4);
  if (!drawn || limits.off.has(Feature::kGroups)) return;
  plan.features.add(Feature::kGroups);
  const size_t models = plan.clients.size();
  for (size_t i = 0; i < members; ++i) {
    ClientPlan member = plan.clients[random.below(models)];
    member.name = "member-" + std::to_string(i);
    member.topics.clear();
    member.publish_per_cent = member.flood_per_mille = 0;
    member.filters = {filters[i % groups]};
    const bool clean = random.chance(1, 3);
    member.clean = clean && plan.has(Feature::kCleanSessions);
    const auto resubscribes = static_cast<uint32_t>(1 + random.below(20));
    member.resubscribe_per_mille = plan.has(Feature::kResubscribing) ? resubscribes : 0;
    if (plan.clients.size() < limits.clients_max) plan.clients.push_back(member);
  }
}

void draw_p2p(uint64_t seed, const ScenarioLimits& limits, ScenarioPlan& plan) {
  core::SeededRandom random(seed);
  if (!random.chance(1, 4) || limits.off.has(Feature::kP2p)) return;
  plan.features.add(Feature::kP2p);
  for (ClientPlan& client : plan.clients) {
    if (client.topics.empty()) continue;
    for (uint64_t count = 1 + random.below(3); count > 0; --count) {
      std::string topic =
          std::string(kParents[random.below(std::size(kParents))]) + "/p2p/" + kPeers[random.below(std::size(kPeers))];
      if (random.chance(1, 3)) topic += "/0";
      client.topics.push_back(topic);
    }
  }
}

}  // namespace penstock::sim
