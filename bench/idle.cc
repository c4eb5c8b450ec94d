// Idle connections: opens N of them, a bounded number at a time, holds them with nothing but keepalive, and reports
// what each costs the broker in memory and CPU.
#include <chrono>
#include <memory>
#include <thread>

#include "bench/crew.h"
#include "bench/scenarios.h"

namespace penstock::bench {
namespace {

class IdleWorker final : public Worker {
 public:
  IdleWorker(const Settings& settings, const Target& target, uint32_t number) : Worker(settings, 1024) {
    for (uint32_t i = number; i < settings.clients; i += settings.threads) {
      connections_.push_back(std::make_unique<Connection>(loop(), target, *this, i));
      keep_alive(*connections_.back());
    }
  }
  ~IdleWorker() override { join(); }

  const HdrHistogram& latency() const { return latency_; }

 private:
  Introduction introduction(const Connection& connection) override { return introduction_of("i", connection.index()); }

  void on_online(Connection& connection) override {
    Worker::on_online(connection);
    latency_.record(static_cast<uint64_t>(loop().now_ns() - connection.opened_ns()));
  }

  void on_command(Command command) override {
    if (command == Command::kFinishSubscribers) {
      for (const auto& connection : connections_) connection->finish();
      return;
    }
    std::vector<Connection*> all;
    for (const auto& connection : connections_) all.push_back(connection.get());
    open_all(std::move(all), settings_.rate / settings_.threads);
  }

  std::vector<std::unique_ptr<Connection>> connections_;
  HdrHistogram latency_;
};

using Workers = Crew<IdleWorker>;

void show(const Workers& workers, const Settings& s, const char* phase, int64_t& next_ns) {
  if (s.quiet || now_ns() < next_ns) return;
  next_ns = now_ns() + core::kNsPerSecond;
  std::fprintf(stderr, "%-7s  online %llu of %u  failed %llu\n", phase,
               static_cast<unsigned long long>(workers.sum(&IdleWorker::online)), s.clients,
               static_cast<unsigned long long>(workers.sum(&IdleWorker::failed)));
}

core::Status open_everything(const Workers& workers, const Settings& s) {
  workers.command(Command::kOpenSubscribers);
  uint64_t before = 0;
  int64_t next_ns = 0;
  for (int64_t moved_ns = now_ns(); now_ns() - moved_ns < s.timeout_ns;) {
    const uint64_t online = workers.sum(&IdleWorker::online);
    if (online == s.clients) return {};
    if (workers.sum(&IdleWorker::failed) > 0) {
      return core::failure("after " + std::to_string(online) + " connections: " + workers.first_failure());
    }
    if (online != before) moved_ns = now_ns();
    before = online;
    show(workers, s, "ramp", next_ns);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return core::failure("only " + std::to_string(before) + " of " + std::to_string(s.clients) +
                       " connections were served in time (--timeout)");
}

void fill_memory(Report& report, const ProcessSample& before, const ProcessSample& after, uint32_t connections) {
  const auto each = [&](uint64_t from, uint64_t to) {
    return static_cast<int64_t>(to - from) / static_cast<int64_t>(connections);
  };
  report["memory"] = {{"rss_bytes_per_connection", each(before.rss_bytes, after.rss_bytes)},
                      {"private_bytes_per_connection", each(before.private_bytes, after.private_bytes)},
                      {"anonymous_bytes_per_connection", each(before.anonymous_bytes, after.anonymous_bytes)}};
}

}  // namespace

core::Result<Report> run_idle(const Settings& s) {
  RETURN_IF_ERROR(allow_open_files(uint64_t{s.clients} + 64));
  ASSIGN_OR_RETURN(const Target target, Target::resolve(s, s.clients));
  Workers workers;
  for (uint32_t i = 0; i < s.threads; ++i) workers.add(s, target, i);
  workers.start();
  ProcessSample empty, opened, held;
  ASSIGN_OR_RETURN(empty, sample_process(s.pid));
  const int64_t begin_ns = now_ns();
  RETURN_IF_ERROR(open_everything(workers, s));
  const double ramp_seconds = static_cast<double>(now_ns() - begin_ns) / 1e9;
  ASSIGN_OR_RETURN(opened, sample_process(s.pid));
  int64_t next_ns = 0;
  for (const int64_t end_ns = now_ns() + s.duration_ns; now_ns() < end_ns;) {
    show(workers, s, "hold", next_ns);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  ASSIGN_OR_RETURN(held, sample_process(s.pid));
  const uint64_t online = workers.sum(&IdleWorker::online);
  workers.command(Command::kFinishSubscribers);
  for (const int64_t end_ns = now_ns() + s.drain_ns; workers.sum(&IdleWorker::online) > 0 && now_ns() < end_ns;) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  workers.join();

  Report report(s);
  report["summary"] = std::to_string(s.clients) + " connections, keepalive " + std::to_string(s.keepalive_s) + " s";
  report["seconds"] = static_cast<double>(s.duration_ns) / 1e9;
  report.add_rate("connects", s.clients, ramp_seconds, s.clients);
  report.add_latency("connect_latency_ns", workers.latency());
  const uint64_t pings_missed = workers.sum(&IdleWorker::pings_missed);
  report["connections"] = {{"held_to_the_end", online},
                           {"lost", s.clients - online},
                           {"pings_unanswered", pings_missed},
                           {"source_addresses", target.source_addresses()}};
  if (online != s.clients) {
    report.add_problem(std::to_string(s.clients - online) + " connections lost: " + workers.first_failure());
  }
  if (pings_missed != 0) report.add_problem(std::to_string(pings_missed) + " pings were not answered");
  if (s.pid != 0) {
    fill_memory(report, empty, held, s.clients);
    report.add_broker(opened, held, 0, "second");
  }
  return report;
}

}  // namespace penstock::bench
