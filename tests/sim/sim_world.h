// SimWorld: one seed decides everything that happens in it. Disk, network and peers put what they have under way into
// its queue; step() executes one thing after the other, in the order of due times that were drawn from the seed, and
// moves the clock. One thread. Nothing in here looks at real time, real files or addresses of memory, so a seed replays
// exactly.
//
// A bounded ring keeps a readable trace of the last steps; it is printed when a CHECK aborts, and by SimWorldOnFailure.
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "core/random.h"
#include "tests/sim/sim_clock.h"

namespace penstock::sim {

class SimWorld {
 public:
  explicit SimWorld(uint64_t seed);
  ~SimWorld();
  SimWorld(const SimWorld&) = delete;

  uint64_t seed() const { return seed_; }
  core::SeededRandom& random() { return random_; }  // of the simulator and the test
  SimClock& clock() { return clock_; }
  // A sequence of its own for the code under test (a shard), so that its use shows in no other draw.
  core::SeededRandom fork_random() { return core::SeededRandom(random_.next_u64()); }

  // Calls `run` once, from a later step, `delay_ns` from now.
  void after(int64_t delay_ns, std::function<void()> run);
  // The same with a delay drawn from [min, max].
  void within(int64_t delay_ns_min, int64_t delay_ns_max, std::function<void()> run);

  // Executes the next thing; false when nothing is pending.
  bool step();
  // Steps until `done`. Aborts with the trace when nothing is pending that could make it true, or after kStepsMax.
  void run_until(const bool& done);
  // Executes what is due within the next `ns`, then moves the clock to that time.
  void run_for(int64_t ns);
  // When the next thing is due; INT64_MAX when nothing is pending.
  int64_t next_due_ns() const;
  uint64_t steps() const { return steps_; }

  static constexpr uint64_t kStepsMax = 20'000'000;  // within one run_until

  // One line of the trace: "#step time  what object a b". `what` is a literal.
  void trace(const char* what, std::string_view object, int64_t a = 0, int64_t b = 0);
  void print_trace(std::ostream& out) const;
  // A number that two runs have in common only if they did the same: a hash of all trace lines since the start.
  uint64_t trace_hash() const { return trace_hash_; }

 private:
  struct Event {
    int64_t due_ns;
    uint64_t tie;  // drawn: things due at the same time come in any order
    uint64_t order;
    std::function<void()> run;
  };
  struct TraceLine {
    uint64_t step = 0;
    int64_t now_ns = 0;
    const char* what = "";
    std::string object;
    int64_t a = 0;
    int64_t b = 0;
  };
  static bool later(const Event& a, const Event& b);

  uint64_t seed_;
  core::SeededRandom random_;
  SimClock clock_;
  std::vector<Event> events_;  // a heap, the next one at the front
  uint64_t events_started_ = 0;
  uint64_t steps_ = 0;
  std::vector<TraceLine> trace_;
  uint64_t trace_lines_ = 0;
  uint64_t trace_hash_ = 0xcbf29ce484222325;
};

}  // namespace penstock::sim
