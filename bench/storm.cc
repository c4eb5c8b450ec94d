// The connect storm: a bounded number of slots, each of which connects, waits for CONNACK, disconnects, waits for the
// broker's close, and begins again with the next of its client ids; as fast as it goes, or by a timetable.
// Waiting for the broker to close first also leaves the TIME_WAIT states on its side, so that our ports can be reused.
#include <chrono>
#include <memory>
#include <thread>

#include "bench/crew.h"
#include "bench/scenarios.h"
#include "bench/schedule.h"

namespace penstock::bench {
namespace {

constexpr int64_t kRestNs = 10 * core::kNsPerMs;  // of a slot after a failure
constexpr int64_t kCheckNs = 100 * core::kNsPerMs;

class StormWorker final : public Worker {
 public:
  StormWorker(const Settings& settings, const Target& target, uint32_t number)
      : Worker(settings, 1024), number_(number) {
    for (uint32_t i = number; i < settings.inflight; i += settings.threads) {
      slots_.push_back({std::make_unique<Connection>(loop(), target, *this, i), i});
    }
  }
  ~StormWorker() override { join(); }

  // Main thread, before the command.
  void plan(int64_t start_ns, MeasuredSpan span) {
    start_ns_ = start_ns;
    span_ = span;
  }
  uint64_t connects() const { return connects_.get(); }
  uint64_t connects_measured() const { return connects_measured_.get(); }
  uint64_t resumed() const { return resumed_.get(); }
  uint64_t closes_missed() const { return closes_missed_.get(); }
  uint64_t busy() const { return busy_.get(); }
  const HdrHistogram& latency() const { return latency_; }

 private:
  struct Slot {
    std::unique_ptr<Connection> connection;
    uint32_t client;  // the number of the client id in use
    int64_t intended_ns = 0;
    int64_t rests_until_ns = 0;
  };

  Slot& slot_of(const Connection& connection) { return slots_[(connection.index() - number_) / settings_.threads]; }

  Introduction introduction(const Connection& connection) override {
    return introduction_of("c", slot_of(connection).client);
  }

  void on_online(Connection& connection) override {
    const Slot& slot = slot_of(connection);
    connects_.add(1);
    if (span_.contains(loop().now_ns())) connects_measured_.add(1);
    if (connection.is_resumed()) resumed_.add(1);
    if (span_.contains(slot.intended_ns)) {
      latency_.record(static_cast<uint64_t>(std::max<int64_t>(0, loop().now_ns() - slot.intended_ns)));
    }
    connection.finish();
  }
  void on_finished(Connection& connection) override { release(slot_of(connection), 0); }
  void on_failed(Connection& connection, const std::string& reason) override {
    note_failure(reason);
    release(slot_of(connection), kRestNs);
  }

  void release(Slot& slot, int64_t rest_ns) {
    busy_.subtract(1);
    slot.rests_until_ns = loop().now_ns() + rest_ns;
    // Each slot has client ids of its own, so that no two connections ever share one.
    slot.client += settings_.inflight;
    if (slot.client >= settings_.clients) slot.client = slot.connection->index();
    free_.push_back(&slot);
  }

  void on_command(Command command) override {
    running_ = command == Command::kPublish;
    if (!running_) return;
    for (Slot& slot : slots_) free_.push_back(&slot);
    if (settings_.rate != 0) schedule_ = RateSchedule(start_ns_, settings_.rate / settings_.threads);
  }

  int64_t work() override {
    if (running_) begin_some();
    if (const int64_t time_ns = loop().now_ns(); time_ns - checked_ns_ > kCheckNs) {
      checked_ns_ = time_ns;
      give_up_on_stuck(time_ns);
    }
    if (!running_ || settings_.rate == 0 || free_.empty())
      return running_ && !free_.empty() ? kRestNs / 10 : kTurnNsMax;
    return std::max<int64_t>(0, schedule_.intended_ns(begun_) - loop().now_ns());
  }

  void begin_some() {
    const uint64_t due = settings_.rate == 0 ? UINT64_MAX : schedule_.due(loop().refresh_now());
    size_t looked_at = free_.size();
    while (begun_ < due && looked_at-- > 0) {
      Slot& slot = *free_.back();
      free_.pop_back();
      if (slot.rests_until_ns > loop().now_ns()) {
        free_.insert(free_.begin(), &slot);
        continue;
      }
      slot.intended_ns = settings_.rate == 0 ? loop().refresh_now() : schedule_.intended_ns(begun_);
      ++begun_;
      busy_.add(1);
      slot.connection->open();
    }
  }

  void give_up_on_stuck(int64_t time_ns) {
    for (Slot& slot : slots_) {
      Connection& connection = *slot.connection;
      if (connection.state() == Connection::State::kIdle || time_ns - connection.opened_ns() < settings_.timeout_ns)
        continue;
      if (connection.state() == Connection::State::kFinishing) {
        closes_missed_.add(1);
      } else {
        note_failure("no CONNACK in time (--timeout)");
      }
      connection.abandon();
      release(slot, 0);
    }
  }

  const uint32_t number_;
  std::vector<Slot> slots_;
  std::vector<Slot*> free_;
  bool running_ = false;
  int64_t start_ns_ = 0;
  MeasuredSpan span_;
  RateSchedule schedule_;
  uint64_t begun_ = 0;
  int64_t checked_ns_ = 0;
  Counter connects_;
  Counter connects_measured_;
  Counter resumed_;
  Counter closes_missed_;
  Counter busy_;
  HdrHistogram latency_;
};

using Workers = Crew<StormWorker>;

// Shows progress until `time_ns`; an error when nobody ever gets in.
core::Status run_until(const Workers& workers, const Settings& s, int64_t time_ns, const char* phase) {
  uint64_t shown = workers.sum(&StormWorker::connects);
  for (int64_t left = time_ns - now_ns(), next_ns = now_ns() + core::kNsPerSecond; left > 0;
       left = time_ns - now_ns()) {
    std::this_thread::sleep_for(std::chrono::nanoseconds(std::min<int64_t>(left, 20 * core::kNsPerMs)));
    const uint64_t connects = workers.sum(&StormWorker::connects);
    const uint64_t failed = workers.sum(&StormWorker::failed);
    if (connects == 0 && failed > 0) return core::failure(workers.first_failure());
    if (s.quiet || now_ns() < next_ns) continue;
    next_ns += core::kNsPerSecond;
    std::fprintf(stderr, "%-7s  connects %8llu/s  open %llu  failed %llu\n", phase,
                 static_cast<unsigned long long>(connects - shown),
                 static_cast<unsigned long long>(workers.sum(&StormWorker::busy)),
                 static_cast<unsigned long long>(failed));
    shown = connects;
  }
  return {};
}

void fill(Report& report, const Workers& workers, const Settings& s) {
  const uint64_t failed = workers.sum(&StormWorker::failed);
  const uint64_t not_closed = workers.sum(&StormWorker::closes_missed);
  char summary[96];
  std::snprintf(summary, sizeof summary,
                s.rate == 0 ? "%u client ids, %u at once, unthrottled" : "%u client ids, %u at once, %.0f/s", s.clients,
                s.inflight, s.rate);
  report["summary"] = summary;
  report.add_rate("connects", workers.sum(&StormWorker::connects_measured), static_cast<double>(s.duration_ns) / 1e9,
                  workers.sum(&StormWorker::connects));
  report.add_latency("connect_latency_ns", workers.latency());
  report["connections"] = {{"failed", failed}, {"not_closed_by_broker", not_closed}};
  if (s.target.tls) report["connections"]["tls_resumed"] = workers.sum(&StormWorker::resumed);
  if (failed != 0) report.add_problem(std::to_string(failed) + " connects failed: " + workers.first_failure());
  if (not_closed != 0) {
    report.add_problem(std::to_string(not_closed) + " connections were not closed after DISCONNECT");
  }
}

}  // namespace

core::Result<Report> run_storm(const Settings& s) {
  RETURN_IF_ERROR(allow_open_files(uint64_t{s.inflight} + 64));
  ASSIGN_OR_RETURN(const Target target, Target::resolve(s, s.inflight));
  Workers workers;
  const int64_t start_ns = now_ns() + 20 * core::kNsPerMs;
  const MeasuredSpan span{.begin_ns = start_ns + s.warmup_ns, .end_ns = start_ns + s.warmup_ns + s.duration_ns};
  for (uint32_t i = 0; i < s.threads; ++i) workers.add(s, target, i).plan(start_ns, span);
  workers.start();
  workers.command(Command::kPublish);
  RETURN_IF_ERROR(run_until(workers, s, span.begin_ns, "warm-up"));
  ProcessSample before, after;
  ASSIGN_OR_RETURN(before, sample_process(s.pid));
  const double cpu_before = own_cpu_seconds();
  RETURN_IF_ERROR(run_until(workers, s, span.end_ns, "measure"));
  const double own_cpu = own_cpu_seconds() - cpu_before;
  ASSIGN_OR_RETURN(after, sample_process(s.pid));
  workers.command(Command::kStopPublishing);
  for (const int64_t begin_ns = now_ns(); workers.sum(&StormWorker::busy) > 0 && now_ns() - begin_ns < s.drain_ns;) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  workers.join();
  Report report(s);
  report["seconds"] = static_cast<double>(s.duration_ns) / 1e9;
  fill(report, workers, s);
  const uint64_t connects = workers.sum(&StormWorker::connects_measured);
  if (s.pid != 0) report.add_broker(before, after, connects, "connect");
  report.add_generator(own_cpu, connects, "connect");
  return report;
}

}  // namespace penstock::bench
