// The scenarios: each one runs on the main thread from start to end and gives its report. An error: nothing could be
// measured (no such target, refused, too few file descriptors), in one line.
#pragma once

#include "bench/report.h"
#include "bench/settings.h"
#include "core/result.h"

namespace penstock::bench {

core::Result<Report> run_scenario(const Settings& settings);

// pair, fanout, fanin.
core::Result<Report> run_traffic(const Settings& settings);
// Backlogs of sessions that were offline.
core::Result<Report> run_replay(const Settings& settings);
// Connects and disconnects.
core::Result<Report> run_storm(const Settings& settings);
// Connections that do nothing.
core::Result<Report> run_idle(const Settings& settings);

}  // namespace penstock::bench
