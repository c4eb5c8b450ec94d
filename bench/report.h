// Report: what a run found, as one JSON document, and the table for people that is made from it, so that the two cannot
// disagree. Filled by the scenarios on the main thread.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/hdr_histogram.h"
#include "bench/latency_series.h"
#include "bench/process_probe.h"
#include "bench/settings.h"

namespace penstock::bench {

class Report {
 public:
  explicit Report(const Settings& settings);

  nlohmann::ordered_json& operator[](const char* section) { return json_[section]; }
  const nlohmann::ordered_json& json() const { return json_; }

  // "sent", "delivered": how many in the measured span, how many a second.
  void add_rate(const char* section, uint64_t measured, double seconds, uint64_t total);
  void add_latency(const char* section, const HdrHistogram& histogram);
  // Arrays, one entry an interval; `begin_ns` on the monotonic clock. Nothing if it is not enabled.
  void add_series(const char* section, const LatencySeries& series, int64_t begin_ns);
  // CPU per one of `count` units; `unit` as in "delivered".
  void add_broker(const ProcessSample& before, const ProcessSample& after, uint64_t count, const char* unit);
  void add_generator(double cpu_seconds, uint64_t count, const char* unit);
  // Why the exit code is 1: one line for a person.
  void add_problem(const std::string& problem);

  bool ok() const { return json_.at("problems").empty(); }
  std::string table() const;
  core::Status write_json(const std::string& path) const;

 private:
  nlohmann::ordered_json json_;
};

}  // namespace penstock::bench
