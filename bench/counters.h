// Counters: what one worker counts while it runs. Written by its thread alone, without locked instructions, and read by
// the reporting thread at any time.
#pragma once

#include <atomic>
#include <cstdint>

#include "bench/hdr_histogram.h"
#include "bench/latency_series.h"
#include "bench/sequence_tracker.h"

namespace penstock::bench {

// One writer, any readers.
class Counter {
 public:
  void add(uint64_t count) { value_.store(get() + count, std::memory_order_relaxed); }
  void subtract(uint64_t count) { value_.store(get() - count, std::memory_order_relaxed); }
  uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

// When the measurement runs; what lies outside is checked but not measured.
struct MeasuredSpan {
  int64_t begin_ns = INT64_MAX;
  int64_t end_ns = INT64_MAX;

  bool contains(int64_t time_ns) const { return time_ns >= begin_ns && time_ns < end_ns; }
};

struct TrafficCounters {
  Counter sent;          // publishes given to a socket
  Counter acknowledged;  // PUBACK, PUBCOMP
  Counter delivered;     // publishes received by subscribers that check them
  Counter resolved;      // deliveries that are settled: received, or known to be missing
  Counter unsettled;     // a level: publishes not acknowledged, QoS 2 deliveries not released
  Counter stalls;        // times a window was reopened because nothing had come back for long

  // Of the measured span; read after the worker has stopped publishing, or for progress.
  Counter sent_measured;
  Counter acknowledged_measured;
  Counter delivered_measured;

  // Read after the worker has ended.
  HdrHistogram delivery_latency;  // intended send time to receipt
  HdrHistogram ack_latency;       // intended send time to PUBACK or PUBCOMP
  LatencySeries delivery_series;  // the same over time, with --series
  LatencySeries ack_series;
  SequenceCounts sequence;
};

}  // namespace penstock::bench
