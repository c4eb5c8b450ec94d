// Worker: one thread with a loop and the connections it carries. The main thread gives it commands and watches its
// gauges; what it does with its connections, the subclass says. Opens connections a bounded number at a time, and keeps
// idle ones alive. Nothing in here runs per message.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "bench/connection.h"
#include "bench/counters.h"
#include "bench/settings.h"

namespace penstock::bench {

enum class Command : uint8_t {
  kNone,
  kOpenBystanders,
  kOpenSubscribers,
  kOpenPublishers,
  kPublish,
  kStopPublishing,
  kFinishSubscribers,
  kFinishPublishers,
  kForgetSessions,  // connect subscribers once more with clean session, and disconnect
  kEnd,
};

class Worker : public ConnectionOwner {
 public:
  Worker(const Settings& settings, size_t packet_bytes_max);
  ~Worker() override;

  void start();
  // Main thread. Returns when the worker has begun to do it.
  void command(Command command);
  void join();

  // Levels and totals, for any thread.
  uint64_t online() const { return online_.get(); }
  uint64_t finished() const { return finished_.get(); }
  uint64_t failed() const { return failed_.get(); }
  uint64_t pings_missed() const { return pings_missed_.get(); }
  std::string first_failure() const;

  void on_online(Connection& connection) override;
  void on_finished(Connection& connection) override;
  void on_failed(Connection& connection, const std::string& reason) override;

 protected:
  virtual void on_command(Command command) = 0;
  // After each turn. Returns how long the next one may wait.
  virtual int64_t work() { return kTurnNsMax; }

  // Closes it without a word, and without counting it as anything.
  void drop(Connection& connection);
  // Counts a failure and remembers the first one's reason.
  void note_failure(const std::string& reason);
  // Opens these, a bounded number at a time; at most `per_second` a second if that is not 0.
  void open_all(std::vector<Connection*> connections, double per_second = 0);
  Loop& loop() { return loop_; }
  // What all connections say; a client id of the prefix, this letter and the number.
  Introduction introduction_of(const char* role, uint32_t number) const;
  // Who PINGREQ is sent for.
  void keep_alive(Connection& connection) { kept_alive_.push_back(&connection); }

  const Settings& settings_;
  // A command is seen within this time.
  static constexpr int64_t kTurnNsMax = 2'000'000;

 private:
  void run();
  bool take_command();
  int64_t open_more();
  void ping_some();

  Loop loop_;
  std::thread thread_;
  std::atomic<Command> command_{Command::kNone};

  std::vector<Connection*> to_open_;
  size_t opened_ = 0;
  uint32_t opening_ = 0;
  double open_per_second_ = 0;
  int64_t open_start_ns_ = 0;

  std::vector<Connection*> kept_alive_;
  size_t next_ping_ = 0;
  int64_t ping_round_ns_ = 0;

  Counter online_;
  Counter finished_;
  Counter failed_;
  Counter pings_missed_;
  mutable std::mutex failure_mutex_;
  std::string first_failure_;
};

}  // namespace penstock::bench
