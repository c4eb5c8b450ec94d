// What a seed decides of MQTT 5.0: who speaks it, and what these clients ask for. Drawn behind everything else, each
// client from a sequence of its own, so that one that is left out changes no other.
#pragma once

#include <cstdint>
#include <string>

#include "tests/sim/broker_scenario_plan.h"

namespace penstock::sim {

void draw_mqtt5(uint64_t seed, const ScenarioLimits& limits, ScenarioPlan& plan);
std::string describe_mqtt5(const Mqtt5Plan& plan);

}  // namespace penstock::sim
