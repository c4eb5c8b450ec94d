// What a seed decides of shared subscriptions and of messages to one client. Drawn behind all that 3.1.1 has.
#pragma once

#include <cstdint>

#include "tests/sim/broker_scenario_plan.h"

namespace penstock::sim {

void draw_groups(uint64_t seed, const ScenarioLimits& limits, ScenarioPlan& plan);
void draw_p2p(uint64_t seed, const ScenarioLimits& limits, ScenarioPlan& plan);

}  // namespace penstock::sim
