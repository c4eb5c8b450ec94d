// TrafficRun: the main thread's side of a traffic run: starts the workers, takes them through the steps of the
// scenario, waits for what each step needs, and samples the broker at the edges of the measurement. Main thread only.
#pragma once

#include "bench/crew.h"
#include "bench/process_probe.h"
#include "bench/report.h"
#include "bench/traffic_worker.h"
#include "core/result.h"

namespace penstock::bench {

class TrafficRun {
 public:
  TrafficRun(const Settings& settings, const Target& target);
  ~TrafficRun();

  core::Status open_bystanders();
  core::Status open_subscribers();
  core::Status open_publishers();
  void finish_publishers();
  void finish_subscribers();
  core::Status forget_sessions();
  void publish(int64_t start_ns, MeasuredSpan span);
  void stop_publishing();
  // Until so many are sent, a connection is lost, or nothing has moved for --timeout.
  void wait_sent(uint64_t count, const char* phase);
  // Until everything sent is settled, or nothing has moved for --drain. False in the latter case.
  bool drain(bool wait_for_receipt);
  void end();

  struct Totals {
    uint64_t sent = 0, acknowledged = 0, delivered = 0, resolved = 0, unsettled = 0, stalls = 0, failed = 0, online = 0;
    uint64_t sent_measured = 0, acknowledged_measured = 0, delivered_measured = 0;
  };
  Totals totals() const;
  // Prints the next progress line, if a second has passed.
  void show_progress(const char* phase);

  // After end(): latencies, check, problems.
  void fill(Report& report, double seconds) const;
  TrafficWorker::Outcome outcome() const;
  const TrafficPlan& plan() const { return plan_; }

 private:
  core::Status wait_online(uint64_t count, const char* who);
  void wait_finished(uint64_t count);
  void fill_check(Report& report, const SequenceCounts& sequence) const;

  const Settings& settings_;
  TrafficPlan plan_;
  Crew<TrafficWorker> workers_;
  Totals shown_;
  int64_t shown_ns_ = 0;
  int64_t begun_ns_ = 0;
  bool incomplete_ = false;
};

}  // namespace penstock::bench
