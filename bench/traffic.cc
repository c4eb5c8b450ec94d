// The scripts of the traffic scenarios: which steps a TrafficRun takes and what is reported.
#include <chrono>
#include <cstdio>
#include <thread>

#include "bench/scenarios.h"
#include "bench/traffic_run.h"
#include "core/clock.h"

namespace penstock::bench {
namespace {

void sleep_until(TrafficRun& run, int64_t time_ns, const char* phase) {
  for (int64_t left = time_ns - now_ns(); left > 0; left = time_ns - now_ns()) {
    run.show_progress(phase);
    std::this_thread::sleep_for(std::chrono::nanoseconds(std::min<int64_t>(left, 20 * core::kNsPerMs)));
  }
}

core::Result<Target> prepare(const Settings& s) {
  const uint32_t connections = s.publishers + s.subscribers + s.slow_subscribers + s.bystanders;
  RETURN_IF_ERROR(allow_open_files(uint64_t{connections} + 32 + 4 * s.threads));
  return Target::resolve(s, connections);
}

std::string describe(const Settings& s) {
  char text[256];
  int at = std::snprintf(text, sizeof text, "%u publishers, %u subscribers, QoS %d, %u B, ", s.publishers,
                         s.subscribers, s.qos, s.payload_bytes);
  const size_t left = sizeof text - static_cast<size_t>(at);
  if (s.closed_loop()) {
    const bool windowed = s.window != 0;
    const std::string window = windowed ? ", window " + std::to_string(s.window) : "";
    const std::string inflight = s.qos > 0 ? ", inflight " + std::to_string(s.inflight) : "";
    std::snprintf(text + at, left, "unthrottled%s%s", inflight.c_str(), window.c_str());
  } else {
    std::snprintf(text + at, left, "%.0f/s", s.rate);
  }
  return text;
}

struct Measurement {
  double seconds = 0;
  double own_cpu_seconds = 0;
  ProcessSample before, after;
};

// Warm up, then measure. The workers know the span and count by it; the samples are taken at its edges.
core::Result<Measurement> measure(TrafficRun& run, const Settings& s) {
  Measurement m;
  const int64_t start_ns = now_ns() + 20 * core::kNsPerMs;
  const MeasuredSpan span{.begin_ns = start_ns + s.warmup_ns, .end_ns = start_ns + s.warmup_ns + s.duration_ns};
  run.publish(start_ns, span);
  sleep_until(run, span.begin_ns, "warm-up");
  ASSIGN_OR_RETURN(m.before, sample_process(s.pid));
  const double cpu_before = own_cpu_seconds();
  sleep_until(run, span.end_ns, "measure");
  m.own_cpu_seconds = own_cpu_seconds() - cpu_before;
  ASSIGN_OR_RETURN(m.after, sample_process(s.pid));
  m.seconds = static_cast<double>(s.duration_ns) / 1e9;
  return m;
}

// Publishes --messages, and measures all of it: no warm-up, and the end of the last delivery is the end.
core::Result<Measurement> measure_all(TrafficRun& run, const Settings& s) {
  Measurement m;
  ASSIGN_OR_RETURN(m.before, sample_process(s.pid));
  const double cpu_before = own_cpu_seconds();
  const int64_t begin_ns = now_ns();
  run.publish(begin_ns, {.begin_ns = 0});
  run.wait_sent(s.publishes_max() * s.publishers, "measure");
  run.drain(true);
  m.seconds = static_cast<double>(now_ns() - begin_ns) / 1e9;
  m.own_cpu_seconds = own_cpu_seconds() - cpu_before;
  ASSIGN_OR_RETURN(m.after, sample_process(s.pid));
  return m;
}

}  // namespace

core::Result<Report> run_traffic(const Settings& s) {
  ASSIGN_OR_RETURN(const Target target, prepare(s));
  TrafficRun run(s, target);
  RETURN_IF_ERROR(run.open_bystanders());
  RETURN_IF_ERROR(run.open_subscribers());
  RETURN_IF_ERROR(run.open_publishers());
  ASSIGN_OR_RETURN(const Measurement m, s.messages == 0 ? measure(run, s) : measure_all(run, s));
  run.stop_publishing();
  run.drain(true);
  run.finish_publishers();
  run.finish_subscribers();
  Report report(s);
  if (s.persistent) {
    if (auto status = run.forget_sessions(); !status.has_value()) report.add_problem(status.error().message);
  }
  run.end();
  report["summary"] = describe(s);
  report["seconds"] = m.seconds;
  run.fill(report, m.seconds);
  const uint64_t delivered = run.totals().delivered_measured;
  if (s.pid != 0) report.add_broker(m.before, m.after, delivered, "delivered message");
  report.add_generator(m.own_cpu_seconds, delivered, "delivered message");
  return report;
}

core::Result<Report> run_replay(const Settings& s) {
  ASSIGN_OR_RETURN(const Target target, prepare(s));
  TrafficRun run(s, target);
  RETURN_IF_ERROR(run.open_subscribers());
  run.finish_subscribers();
  RETURN_IF_ERROR(run.open_publishers());
  ASSIGN_OR_RETURN(const ProcessSample empty, sample_process(s.pid));
  const int64_t fill_ns = now_ns();
  run.publish(fill_ns, {.begin_ns = 0});  // everything is measured
  run.wait_sent(s.messages * s.publishers, "fill");
  run.stop_publishing();
  run.drain(false);
  const double fill_seconds = static_cast<double>(now_ns() - fill_ns) / 1e9;
  run.finish_publishers();

  ASSIGN_OR_RETURN(const ProcessSample full, sample_process(s.pid));
  const double cpu_before = own_cpu_seconds();
  const int64_t drain_ns = now_ns();
  RETURN_IF_ERROR(run.open_subscribers());
  const bool complete = run.drain(true);
  const double stall_seconds = complete ? 0 : static_cast<double>(s.drain_ns) / 1e9;
  const double seconds = static_cast<double>(now_ns() - drain_ns) / 1e9 - stall_seconds;
  const double own_cpu = own_cpu_seconds() - cpu_before;
  ASSIGN_OR_RETURN(const ProcessSample drained, sample_process(s.pid));
  run.finish_subscribers();
  Report report(s);
  if (auto status = run.forget_sessions(); !status.has_value()) report.add_problem(status.error().message);
  run.end();

  const auto outcome = run.outcome();
  report["summary"] = std::to_string(s.subscribers) + " sessions, backlog " + std::to_string(s.messages) + " each" +
                      (s.shared_topic ? " of one topic" : "") + ", QoS " + std::to_string(s.qos);
  report["seconds"] = seconds;
  run.fill(report, seconds);
  const auto totals = run.totals();
  report.add_rate("sent", totals.sent, fill_seconds, totals.sent);
  report.add_rate("acknowledged", totals.acknowledged, fill_seconds, totals.acknowledged);
  report.add_latency("catch_up_ns", outcome.catch_up);
  const uint64_t delivered = totals.delivered;
  report["replay"] = {{"fill_seconds", fill_seconds},
                      {"fill_per_second", static_cast<double>(totals.acknowledged) / fill_seconds},
                      {"drain_seconds", seconds},
                      {"drain_per_second", static_cast<double>(delivered) / seconds},
                      {"sessions_lost", outcome.sessions_lost}};
  if (outcome.sessions_lost != 0) {
    report.add_problem(std::to_string(outcome.sessions_lost) + " sessions were not remembered");
  }
  if (s.pid != 0) {
    report.add_broker(full, drained, delivered, "delivered message");
    report["broker"]["anonymous_bytes_empty"] = empty.anonymous_bytes;
    report["broker"]["rss_bytes_empty"] = empty.rss_bytes;
  }
  report.add_generator(own_cpu, delivered, "delivered message");
  return report;
}

}  // namespace penstock::bench
