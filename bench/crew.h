// Crew: the workers of one scenario, all of one kind, as the main thread sees them: commanded, summed up and ended
// together. Main thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bench/hdr_histogram.h"
#include "bench/worker.h"
#include "core/clock.h"

namespace penstock::bench {

inline int64_t now_ns() {
  return core::system_clock().monotonic_ns();
}

template <typename Member>
class Crew {
 public:
  // Made, and not started yet.
  template <typename... Arguments>
  Member& add(Arguments&&... arguments) {
    return *members_.emplace_back(std::make_unique<Member>(std::forward<Arguments>(arguments)...));
  }
  void start() {
    for (const auto& member : members_) member->start();
  }
  void command(Command command) const {
    for (const auto& member : members_) member->command(command);
  }
  void join() const {
    for (const auto& member : members_) member->join();
  }

  // Of one level or total of each.
  uint64_t sum(uint64_t (Member::*number)() const) const {
    uint64_t total = 0;
    for (const auto& member : members_) total += (member.get()->*number)();
    return total;
  }
  // Empty: nothing has failed.
  std::string first_failure() const {
    for (const auto& member : members_) {
      if (std::string failure = member->first_failure(); !failure.empty()) return failure;
    }
    return "";
  }
  // After join().
  HdrHistogram latency() const {
    HdrHistogram all;
    for (const auto& member : members_) all.merge(member->latency());
    return all;
  }

  auto begin() const { return members_.begin(); }
  auto end() const { return members_.end(); }

 private:
  std::vector<std::unique_ptr<Member>> members_;
};

}  // namespace penstock::bench
