#include "tests/sim/sim_world.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <tuple>

#include "core/check.h"

namespace penstock::sim {
namespace {

constexpr size_t kTraceLines = 400;  // or as PENSTOCK_TRACE says
SimWorld* current_world = nullptr;

// An aborting CHECK says where; the trace says how the world came there.
void print_trace_on_abort(int) {
  if (SimWorld* world = current_world) {
    current_world = nullptr;
    world->print_trace(std::cerr);
  }
  std::signal(SIGABRT, SIG_DFL);
}

uint64_t mix(uint64_t hash, uint64_t value) {
  return (hash ^ value) * 0x100000001b3;
}

}  // namespace

SimWorld::SimWorld(uint64_t seed) : seed_(seed), random_(seed), trace_(kTraceLines) {
  if (const char* lines = std::getenv("PENSTOCK_TRACE")) trace_.resize(std::strtoull(lines, nullptr, 10) + 1);
  current_world = this;
  std::signal(SIGABRT, print_trace_on_abort);
}

SimWorld::~SimWorld() {
  if (current_world == this) current_world = nullptr;
}

bool SimWorld::later(const Event& a, const Event& b) {
  return std::tie(a.due_ns, a.tie, a.order) > std::tie(b.due_ns, b.tie, b.order);
}

void SimWorld::after(int64_t delay_ns, std::function<void()> run) {
  events_.push_back({clock_.monotonic_ns() + delay_ns, random_.next_u64(), events_started_++, std::move(run)});
  std::push_heap(events_.begin(), events_.end(), later);
}

void SimWorld::within(int64_t delay_ns_min, int64_t delay_ns_max, std::function<void()> run) {
  const auto span = static_cast<uint64_t>(delay_ns_max - delay_ns_min);
  after(delay_ns_min + static_cast<int64_t>(random_.below(span + 1)), std::move(run));
}

bool SimWorld::step() {
  if (events_.empty()) return false;
  std::pop_heap(events_.begin(), events_.end(), later);
  const Event event = std::move(events_.back());
  events_.pop_back();
  clock_.advance_to(event.due_ns);
  ++steps_;
  event.run();
  return true;
}

void SimWorld::run_until(const bool& done) {
  for (uint64_t steps = 0; !done; ++steps) {
    CHECK_LT(steps, kStepsMax);
    const bool something_was_pending = step();
    CHECK(something_was_pending);
  }
}

void SimWorld::run_for(int64_t ns) {
  const int64_t end_ns = clock_.monotonic_ns() + ns;
  while (next_due_ns() <= end_ns) step();
  clock_.advance_to(end_ns);
}

int64_t SimWorld::next_due_ns() const {
  return events_.empty() ? INT64_MAX : events_.front().due_ns;
}

void SimWorld::trace(const char* what, std::string_view object, int64_t a, int64_t b) {
  TraceLine& line = trace_[trace_lines_++ % trace_.size()];
  line.step = steps_;
  line.now_ns = clock_.monotonic_ns();
  line.what = what;
  line.object.assign(object);
  line.a = a;
  line.b = b;
  trace_hash_ = mix(mix(mix(mix(trace_hash_, static_cast<uint64_t>(a)), static_cast<uint64_t>(b)), line.step),
                    static_cast<uint64_t>(line.now_ns));
  for (const char c : object) trace_hash_ = mix(trace_hash_, static_cast<uint8_t>(c));
}

void SimWorld::print_trace(std::ostream& out) const {
  const uint64_t kept = std::min<uint64_t>(trace_lines_, trace_.size());
  out << "--- world of seed " << seed_ << ": last " << kept << " of " << trace_lines_ << " trace lines\n";
  for (uint64_t i = trace_lines_ - kept; i < trace_lines_; ++i) {
    const TraceLine& line = trace_[i % trace_.size()];
    out << '#' << line.step << ' ' << line.now_ns / 1000 << "us  " << line.what << ' ' << line.object << ' ' << line.a
        << ' ' << line.b << '\n';
  }
  out << "--- PENSTOCK_SEED=" << seed_ << " replays it" << std::endl;
}

}  // namespace penstock::sim
