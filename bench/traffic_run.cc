#include "bench/traffic_run.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>

namespace penstock::bench {
namespace {

void nap() {
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
}

}  // namespace

TrafficRun::TrafficRun(const Settings& settings, const Target& target)
    : settings_(settings), plan_(settings, target), begun_ns_(now_ns()) {
  for (uint32_t i = 0; i < settings.threads; ++i) workers_.add(plan_, i);
  workers_.start();
}

TrafficRun::~TrafficRun() {
  end();
}

void TrafficRun::end() {
  workers_.join();
}

TrafficRun::Totals TrafficRun::totals() const {
  Totals totals;
  for (const auto& worker : workers_) {
    const TrafficCounters& counters = worker->counters();
    totals.sent += counters.sent.get();
    totals.acknowledged += counters.acknowledged.get();
    totals.delivered += counters.delivered.get();
    totals.resolved += counters.resolved.get();
    totals.unsettled += counters.unsettled.get();
    totals.stalls += counters.stalls.get();
    totals.sent_measured += counters.sent_measured.get();
    totals.acknowledged_measured += counters.acknowledged_measured.get();
    totals.delivered_measured += counters.delivered_measured.get();
  }
  totals.failed = workers_.sum(&TrafficWorker::failed);
  totals.online = workers_.sum(&TrafficWorker::online);
  return totals;
}

core::Status TrafficRun::wait_online(uint64_t count, const char* who) {
  uint64_t before = 0;
  int64_t moved_ns = now_ns();
  while (true) {
    const Totals now = totals();
    if (now.failed > 0) return core::failure(std::string(who) + ": " + workers_.first_failure());
    if (now.online >= count) return {};
    if (now.online != before) moved_ns = now_ns();
    before = now.online;
    if (now_ns() - moved_ns > settings_.timeout_ns) {
      return core::failure(std::string(who) + ": only " + std::to_string(now.online) + " of " + std::to_string(count) +
                           " were served in time (--timeout)");
    }
    nap();
  }
}

core::Status TrafficRun::open_bystanders() {
  if (settings_.bystanders == 0) return {};
  workers_.command(Command::kOpenBystanders);
  uint64_t before = 0;
  for (int64_t moved_ns = now_ns(); now_ns() - moved_ns < settings_.timeout_ns;) {
    if (workers_.sum(&TrafficWorker::failed) > 0) return core::failure("bystanders: " + workers_.first_failure());
    if (workers_.sum(&TrafficWorker::bystanders_ready) == settings_.bystanders) return {};
    const uint64_t state = workers_.sum(&TrafficWorker::online) + workers_.sum(&TrafficWorker::bystander_filters);
    if (state != before) moved_ns = now_ns();
    before = state;
    nap();
  }
  return core::failure("bystanders: only " + std::to_string(workers_.sum(&TrafficWorker::bystanders_ready)) + " of " +
                       std::to_string(settings_.bystanders) + " were served in time (--timeout)");
}

core::Status TrafficRun::open_subscribers() {
  workers_.command(Command::kOpenSubscribers);
  return wait_online(uint64_t{settings_.bystanders} + settings_.subscribers + settings_.slow_subscribers,
                     "connecting subscribers");
}

core::Status TrafficRun::open_publishers() {
  const uint64_t subscribers =
      settings_.scenario == Scenario::kReplay
          ? 0
          : uint64_t{settings_.bystanders} + settings_.subscribers + settings_.slow_subscribers;
  workers_.command(Command::kOpenPublishers);
  return wait_online(subscribers + settings_.publishers, "connecting publishers");
}

void TrafficRun::wait_finished(uint64_t online_left) {
  // A broker that does not close after DISCONNECT [MQTT-3.14.4-3] must not keep us.
  const int64_t begin_ns = now_ns();
  while (totals().online > online_left && now_ns() - begin_ns < 3 * core::kNsPerSecond) nap();
}

void TrafficRun::finish_publishers() {
  const uint64_t online = totals().online;
  workers_.command(Command::kFinishPublishers);
  wait_finished(online > settings_.publishers ? online - settings_.publishers : 0);
}

void TrafficRun::finish_subscribers() {
  workers_.command(Command::kFinishSubscribers);
  wait_finished(0);
}

core::Status TrafficRun::forget_sessions() {
  const uint64_t before = workers_.sum(&TrafficWorker::finished);
  workers_.command(Command::kForgetSessions);
  const int64_t begin_ns = now_ns();
  while (true) {
    if (workers_.sum(&TrafficWorker::finished) - before >= settings_.subscribers) return {};
    if (totals().failed > 0) return core::failure("removing sessions: " + workers_.first_failure());
    if (now_ns() - begin_ns > settings_.timeout_ns)
      return core::failure("removing sessions: took longer than --timeout");
    nap();
  }
}

void TrafficRun::publish(int64_t start_ns, MeasuredSpan span) {
  plan_.start_ns = start_ns;
  plan_.span = span;
  workers_.command(Command::kPublish);
}

void TrafficRun::stop_publishing() {
  workers_.command(Command::kStopPublishing);
}

void TrafficRun::wait_sent(uint64_t count, const char* phase) {
  uint64_t before = 0;
  int64_t moved_ns = now_ns();
  for (Totals now = totals(); now.sent < count && now.failed == 0; now = totals()) {
    if (now.sent != before) moved_ns = now_ns();
    before = now.sent;
    if (now_ns() - moved_ns > settings_.timeout_ns) return;
    show_progress(phase);
    nap();
  }
}

bool TrafficRun::drain(bool wait_for_receipt) {
  uint64_t before = UINT64_MAX;
  int64_t moved_ns = now_ns();
  while (true) {
    const Totals now = totals();
    const bool received = !wait_for_receipt || now.resolved >= now.sent * plan_.receivers();
    if (received && now.unsettled == 0) return true;
    const uint64_t state = now.resolved + now.acknowledged + now.delivered + now.unsettled;
    if (state != before) moved_ns = now_ns();
    before = state;
    if (now_ns() - moved_ns > settings_.drain_ns) break;
    show_progress("drain");
    nap();
  }
  incomplete_ = true;
  return false;
}

void TrafficRun::show_progress(const char* phase) {
  const int64_t time_ns = now_ns();
  if (settings_.quiet || time_ns - shown_ns_ < core::kNsPerSecond) return;
  const Totals now = totals();
  const double seconds = static_cast<double>(time_ns - shown_ns_) / 1e9;
  if (shown_ns_ != 0) {
    std::fprintf(stderr, "%4.0f s  %-7s  sent %10.0f/s  acknowledged %10.0f/s  delivered %10.0f/s  under way %llu%s\n",
                 static_cast<double>(time_ns - begun_ns_) / 1e9, phase,
                 static_cast<double>(now.sent - shown_.sent) / seconds,
                 static_cast<double>(now.acknowledged - shown_.acknowledged) / seconds,
                 static_cast<double>(now.delivered - shown_.delivered) / seconds,
                 static_cast<unsigned long long>(now.sent * plan_.receivers() -
                                                 std::min(now.resolved, now.sent * plan_.receivers())),
                 now.failed != 0 ? "  CONNECTIONS LOST" : "");
  }
  shown_ = now;
  shown_ns_ = time_ns;
}

TrafficWorker::Outcome TrafficRun::outcome() const {
  TrafficWorker::Outcome sum;
  for (const auto& worker : workers_) {
    const auto one = worker->outcome();
    sum.never_came += one.never_came;
    sum.sessions_lost += one.sessions_lost;
    sum.behind += one.behind;
    sum.slow_closed += one.slow_closed;
    sum.catch_up.merge(one.catch_up);
  }
  return sum;
}

void TrafficRun::fill(Report& report, double seconds) const {
  const Totals now = totals();
  HdrHistogram delivery, ack;
  LatencySeries delivery_series, ack_series;
  SequenceCounts sequence;
  for (const auto& worker : workers_) {
    delivery.merge(worker->counters().delivery_latency);
    ack.merge(worker->counters().ack_latency);
    delivery_series.merge(worker->counters().delivery_series);
    ack_series.merge(worker->counters().ack_series);
    sequence.add(worker->counters().sequence);
  }
  report.add_rate("sent", now.sent_measured, seconds, now.sent);
  if (settings_.qos > 0) report.add_rate("acknowledged", now.acknowledged_measured, seconds, now.acknowledged);
  report.add_rate("delivered", now.delivered_measured, seconds, now.delivered);
  if (plan_.checks_payload()) report.add_latency("delivery_latency_ns", delivery);
  if (settings_.qos > 0) report.add_latency("ack_latency_ns", ack);
  report.add_series("delivery_series", delivery_series, plan_.span.begin_ns);
  report.add_series("ack_series", ack_series, plan_.span.begin_ns);
  fill_check(report, sequence);
}

void TrafficRun::fill_check(Report& report, const SequenceCounts& sequence) const {
  const Totals now = totals();
  const auto end = outcome();
  const uint64_t lost = sequence.missing + end.never_came;
  const uint64_t unacknowledged = settings_.qos > 0 ? now.sent - now.acknowledged : 0;
  report["check"] = {{"expected", now.sent * plan_.receivers()},
                     {"lost", lost},
                     {"duplicates", sequence.duplicates},
                     {"redelivered", sequence.redelivered},
                     {"reordered", sequence.reordered},
                     {"corrupt", sequence.corrupt},
                     {"unacknowledged", unacknowledged},
                     {"unsent", end.behind},
                     {"stalls", now.stalls},
                     {"connections_lost", now.failed},
                     {"payload_checked", plan_.checks_payload() ? "yes" : "no, shorter than 16 bytes"}};
  if (settings_.slow_subscribers != 0) report["check"]["slow_subscribers_closed"] = end.slow_closed;
  const auto number = [](uint64_t count, const char* what) { return std::to_string(count) + " " + what; };
  const bool forbids_loss = std::min(settings_.qos, settings_.subscribe_qos) > 0;
  if (lost != 0 && forbids_loss) report.add_problem(number(lost, "messages lost"));
  if (sequence.duplicates != 0) report.add_problem(number(sequence.duplicates, "duplicates"));
  if (sequence.reordered != 0) report.add_problem(number(sequence.reordered, "messages out of order"));
  if (sequence.corrupt != 0)
    report.add_problem(number(sequence.corrupt, "messages with a wrong payload, topic or QoS"));
  if (unacknowledged != 0) report.add_problem(number(unacknowledged, "publishes never acknowledged"));
  if (now.failed != 0) report.add_problem(number(now.failed, "connections lost: ") + workers_.first_failure());
}

}  // namespace penstock::bench
