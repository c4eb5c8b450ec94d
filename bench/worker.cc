#include "bench/worker.h"

#include <sys/prctl.h>

#include <algorithm>
#include <chrono>

#include "bench/schedule.h"
#include "core/check.h"
#include "core/clock.h"

namespace penstock::bench {

Worker::Worker(const Settings& settings, size_t packet_bytes_max) : settings_(settings), loop_(packet_bytes_max) {}

Worker::~Worker() {
  join();
}

Introduction Worker::introduction_of(const char* role, uint32_t number) const {
  constexpr uint16_t kTopicAliases = 1000;  // for a subscriber of as many publishers
  return {.client_id = settings_.client_prefix + role + std::to_string(number),
          .version = settings_.version,
          .keepalive_s = settings_.keepalive_s,
          .user_name = settings_.user_name,
          .password = settings_.password,
          .topic_alias_maximum = settings_.topic_alias ? kTopicAliases : uint16_t{0}};
}

void Worker::start() {
  thread_ = std::thread([this] { run(); });
}

void Worker::join() {
  if (!thread_.joinable()) return;
  command_.store(Command::kEnd, std::memory_order_release);
  thread_.join();
}

void Worker::command(Command command) {
  CHECK(command != Command::kNone && command != Command::kEnd);
  command_.store(command, std::memory_order_release);
  while (command_.load(std::memory_order_acquire) != Command::kNone) {
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
}

void Worker::run() {
  prctl(PR_SET_TIMERSLACK, 1ul);  // a timetable in microseconds needs wake-ups that are not 50 us late
  int64_t timeout_ns = 0;
  while (take_command()) {
    loop_.turn(settings_.spin ? 0 : timeout_ns);
    timeout_ns = std::min({kTurnNsMax, open_more(), work()});
    ping_some();
  }
}

bool Worker::take_command() {
  const Command command = command_.load(std::memory_order_acquire);
  if (command == Command::kNone) return true;
  if (command == Command::kEnd) return false;
  on_command(command);
  command_.store(Command::kNone, std::memory_order_release);
  return true;
}

void Worker::open_all(std::vector<Connection*> connections, double per_second) {
  to_open_ = std::move(connections);
  opened_ = 0;
  open_per_second_ = per_second;
  open_start_ns_ = loop_.refresh_now();
}

int64_t Worker::open_more() {
  constexpr uint32_t kOpeningMax = 64;
  const bool storm = settings_.scenario == Scenario::kConnect || settings_.scenario == Scenario::kIdle;
  const uint32_t opening_max = storm ? settings_.inflight : kOpeningMax;
  size_t due = to_open_.size();
  const RateSchedule timetable(open_start_ns_, std::max(open_per_second_, 1e-3));
  if (open_per_second_ != 0) due = std::min<uint64_t>(due, timetable.due(loop_.now_ns()));
  while (opened_ < due && opening_ < opening_max) {
    ++opening_;
    to_open_[opened_++]->open();
  }
  if (opened_ == to_open_.size() || open_per_second_ == 0) return kTurnNsMax;
  return std::max<int64_t>(0, timetable.intended_ns(opened_) - loop_.now_ns());
}

void Worker::ping_some() {
  if (settings_.keepalive_s == 0 || kept_alive_.empty()) return;
  constexpr size_t kPingsPerTurn = 256;
  const int64_t quiet_ns = settings_.keepalive_s * core::kNsPerSecond / 2;
  const int64_t now_ns = loop_.now_ns();
  if (next_ping_ == 0 && now_ns - ping_round_ns_ < quiet_ns / 20) return;
  if (next_ping_ == 0) ping_round_ns_ = now_ns;
  const size_t end = std::min(next_ping_ + kPingsPerTurn, kept_alive_.size());
  for (; next_ping_ < end; ++next_ping_) {
    Connection& connection = *kept_alive_[next_ping_];
    if (!connection.online() || connection.has_unsent() || now_ns - connection.sent_ns() < quiet_ns) continue;
    if (connection.pings_outstanding() == 1) pings_missed_.add(1);
    connection.ping();
  }
  if (next_ping_ == kept_alive_.size()) next_ping_ = 0;
}

void Worker::on_online(Connection&) {
  --opening_;
  online_.add(1);
}

void Worker::on_finished(Connection&) {
  online_.subtract(1);
  finished_.add(1);
}

void Worker::drop(Connection& connection) {
  if (connection.was_online() && connection.state() != Connection::State::kIdle) online_.subtract(1);
  connection.abandon();
}

void Worker::on_failed(Connection& connection, const std::string& reason) {
  if (connection.was_online()) {
    online_.subtract(1);
  } else {
    --opening_;
  }
  note_failure(reason);
}

void Worker::note_failure(const std::string& reason) {
  failed_.add(1);
  const std::lock_guard lock(failure_mutex_);
  if (first_failure_.empty()) first_failure_ = reason;
}

std::string Worker::first_failure() const {
  const std::lock_guard lock(failure_mutex_);
  return first_failure_;
}

}  // namespace penstock::bench
