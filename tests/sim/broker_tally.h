// What came about over the seeds of a run, in one line: shows that the trouble was there.
#pragma once

#include <string>

#include "tests/sim/broker_scenario.h"

namespace penstock::sim {

std::string describe(const ScenarioTally& tally);

}  // namespace penstock::sim
