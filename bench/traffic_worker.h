// TrafficWorker: one thread's share of the publishers and subscribers of a traffic run (pair, fanout, fanin, replay).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "bench/bystander.h"
#include "bench/publisher.h"
#include "bench/subscriber.h"
#include "bench/traffic_plan.h"
#include "bench/worker.h"

namespace penstock::bench {

class TrafficWorker final : public Worker {
 public:
  TrafficWorker(TrafficPlan& plan, uint32_t number);
  ~TrafficWorker() override { join(); }

  const TrafficCounters& counters() const { return counters_; }
  uint64_t bystanders_ready() const { return bystander_counters_.ready.get(); }
  uint64_t bystander_filters() const { return bystander_counters_.filters.get(); }

  // After it has ended: what is known only then.
  struct Outcome {
    uint64_t never_came = 0;
    uint64_t sessions_lost = 0;  // reconnected and not remembered
    uint64_t behind = 0;         // open loop: due and not sent when publishing stopped
    uint64_t slow_closed = 0;    // slow subscribers that the broker sent away
    HdrHistogram catch_up;       // replay: from a session's reconnect to its last message
  };
  Outcome outcome() const;

 private:
  Introduction introduction(const Connection& connection) override;
  void on_online(Connection& connection) override;
  void on_failed(Connection& connection, const std::string& reason) override;
  void on_command(Command command) override;
  int64_t work() override;

  bool is_bystander(const Connection& connection) const;
  bool is_slow(const Connection& connection) const;
  bool is_publisher(const Connection& connection) const;
  void make_connections();
  void begin_publishing();
  void finish_subscribers();
  void stop_publishing();
  int64_t follow_schedule();
  void check_stalls();

  TrafficPlan& plan_;
  const uint32_t number_;
  TrafficCounters counters_;
  PumpList pump_list_;
  std::vector<std::unique_ptr<Publisher>> publishers_;
  std::vector<std::unique_ptr<Subscriber>> subscribers_;
  std::vector<std::unique_ptr<Connection>> slow_subscribers_;
  BystanderCounters bystander_counters_;
  std::vector<std::unique_ptr<Bystander>> bystanders_;
  std::vector<Publisher*> local_publishers_;  // by index over all workers; nullptr where another one has it

  bool publishing_ = false;
  bool subscribed_ = false;
  bool forgetting_ = false;
  uint64_t sessions_lost_ = 0;
  uint64_t behind_ = 0;
  uint64_t slow_closed_ = 0;
  HdrHistogram catch_up_;
  RateSchedule schedule_;
  uint64_t scheduled_ = 0;  // messages of the schedule whose publishers have been told
  int64_t stall_check_ns_ = 0;
};

}  // namespace penstock::bench
