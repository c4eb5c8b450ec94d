#include "bench/scenarios.h"

namespace penstock::bench {

core::Result<Report> run_scenario(const Settings& settings) {
  switch (settings.scenario) {
    case Scenario::kConnect:
      return run_storm(settings);
    case Scenario::kIdle:
      return run_idle(settings);
    case Scenario::kReplay:
      return run_replay(settings);
    case Scenario::kPair:
    case Scenario::kFanout:
    case Scenario::kFanin:
      return run_traffic(settings);
  }
  return core::failure("unknown scenario");
}

}  // namespace penstock::bench
