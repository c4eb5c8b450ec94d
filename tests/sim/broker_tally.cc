#include "tests/sim/broker_tally.h"

#include <sstream>

namespace penstock::sim {

std::string describe(const ScenarioTally& tally) {
  std::ostringstream out;
  out << tally.lives << " lives, " << tally.kills << " kills, " << tally.power_cuts << " power cuts, "
      << tally.clean_stops << " clean stops, " << tally.interrupted_starts << " interrupted starts, "
      << tally.interrupted_stops << " interrupted stops, " << tally.layouts_changed << " layouts drawn anew, "
      << tally.steps << " steps; " << tally.disk_faults << " disk faults, " << tally.disk_full << " times full, "
      << tally.clock_jumps << " clock jumps, " << tally.damages << " damages (" << tally.damages_refused
      << " starts refused for them); " << tally.published << " messages, " << tally.acknowledged << " acknowledged, "
      << tally.owed << " owed, " << tally.delivered << " delivered, " << tally.repeated << " repeated ("
      << tally.repeated_unmarked << " without DUP), " << tally.qos2_delivered << " at QoS 2, " << tally.retained
      << " retained, " << tally.shared << " to members of groups, " << tally.addressed
      << " to one client; wills: " << tally.wills_due << " due, " << tally.wills_cancelled << " cancelled, "
      << tally.wills_delivered << " delivered; " << tally.sessions_resumed << " sessions resumed, "
      << tally.sessions_expired << " expired or lost, " << tally.refusals << " refusals; the heap has grown by up to "
      << (tally.heap_grown_max >> 10) << " KiB in a life";
  return out.str();
}

}  // namespace penstock::sim
