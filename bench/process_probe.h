// ProcessProbe: CPU seconds and memory of a process (the broker, by --pid), out of /proc. Main thread only.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/result.h"

namespace penstock::bench {

struct ProcessSample {
  double user_seconds = 0;  // all threads, the ended ones too
  double system_seconds = 0;
  uint64_t rss_bytes = 0;
  uint64_t rss_peak_bytes = 0;   // since the process started
  uint64_t private_bytes = 0;    // shared with no other process
  uint64_t anonymous_bytes = 0;  // not backed by a file: heap and stacks
  uint32_t threads = 0;

  double cpu_seconds() const { return user_seconds + system_seconds; }
};

// All zero for pid 0, which means that nobody is to be looked at. Fails when there is no such process.
core::Result<ProcessSample> sample_process(int pid);

// This process, all threads.
double own_cpu_seconds();

// The fields of /proc/PID/stat, whose second one (the name) may hold spaces and brackets. For sample_process and tests.
core::Result<ProcessSample> parse_stat(std::string_view stat, double ticks_per_second);
// "VmRSS:     123 kB" in bytes; 0 when there is no such line.
uint64_t find_kilobytes(std::string_view text, std::string_view name);

}  // namespace penstock::bench
