#include "bench/traffic_plan.h"

namespace penstock::bench {

TrafficPlan::TrafficPlan(const Settings& run_settings, const Target& run_target)
    : settings(run_settings),
      target(run_target),
      pattern(run_settings.payload_bytes, run_settings.seed),
      leads(std::make_unique<PublisherLead[]>(run_settings.publishers)) {}

bool TrafficPlan::own_topics() const {
  return settings.scenario == Scenario::kPair || (settings.scenario == Scenario::kReplay && !settings.shared_topic);
}

std::string TrafficPlan::topic(uint32_t publisher) const {
  const std::string base = settings.topic_prefix + "/" + to_string(settings.scenario) + "/";
  return base + std::to_string(settings.shared_topic ? 0 : publisher);
}

std::string TrafficPlan::filter(uint32_t subscriber) const {
  if (own_topics()) return topic(subscriber % settings.publishers);
  if (settings.shared_topic || settings.publishers == 1) return topic(0);
  return settings.topic_prefix + "/" + to_string(settings.scenario) + "/+";
}

std::string TrafficPlan::bystander_filter(uint64_t number) const {
  const std::string name = std::string("other-").append(std::to_string(number));
  const std::string scenario = to_string(settings.scenario);
  if (number % 3 == 0) return settings.topic_prefix + "/" + scenario + "/" + name;
  if (number % 3 == 1) return settings.topic_prefix + "/" + scenario + "/" + name + "/+";
  return settings.topic_prefix + "/+/" + name + "/#";
}

}  // namespace penstock::bench
