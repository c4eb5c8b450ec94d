#include "bench/traffic_worker.h"

#include <algorithm>

#include "core/clock.h"

namespace penstock::bench {
namespace {

// Without any receipt for this long a window is taken to have lost messages, not to be slow.
constexpr int64_t kStallNs = 2 * core::kNsPerSecond;
// How often a window that another thread opens is looked at.
constexpr int64_t kRemoteWindowNs = 50 * core::kNsPerUs;

template <typename T>
std::vector<Connection*> pointers(const std::vector<std::unique_ptr<T>>& owned) {
  std::vector<Connection*> list;
  for (const auto& one : owned) list.push_back(one.get());
  return list;
}

}  // namespace

TrafficWorker::TrafficWorker(TrafficPlan& plan, uint32_t number)
    : Worker(plan.settings, plan.packet_bytes_max()), plan_(plan), number_(number) {
  if (settings_.series_ns != 0) {
    counters_.delivery_series = LatencySeries(settings_.duration_ns, settings_.series_ns);
    if (settings_.qos > 0) counters_.ack_series = counters_.delivery_series;
  }
  make_connections();
}

void TrafficWorker::make_connections() {
  local_publishers_.assign(settings_.publishers, nullptr);
  for (uint32_t i = 0; i < settings_.publishers; ++i) {
    if (plan_.worker_of_publisher(i) != number_) continue;
    publishers_.push_back(std::make_unique<Publisher>(loop(), *this, plan_, counters_, pump_list_, i));
    local_publishers_[i] = publishers_.back().get();
  }
  for (uint32_t i = 0; i < settings_.subscribers; ++i) {
    if (plan_.worker_of_subscriber(i) != number_) continue;
    subscribers_.push_back(
        std::make_unique<Subscriber>(loop(), *this, plan_, counters_, pump_list_, local_publishers_, i));
  }
  for (uint32_t i = settings_.subscribers; i < settings_.subscribers + settings_.slow_subscribers; ++i) {
    if (plan_.worker_of_subscriber(i) == number_) {
      slow_subscribers_.push_back(std::make_unique<Connection>(loop(), plan_.target, *this, i));
    }
  }
  const uint32_t first_bystander = settings_.subscribers + settings_.slow_subscribers;
  for (uint32_t i = number_; i < settings_.bystanders; i += settings_.threads) {
    bystanders_.push_back(
        std::make_unique<Bystander>(loop(), *this, plan_, bystander_counters_, first_bystander + i, i));
  }
  for (const auto& bystander : bystanders_) keep_alive(*bystander);
  for (const auto& publisher : publishers_) keep_alive(*publisher);
  for (const auto& subscriber : subscribers_) keep_alive(*subscriber);
  for (const auto& subscriber : slow_subscribers_) keep_alive(*subscriber);
}

bool TrafficWorker::is_publisher(const Connection& connection) const {
  return connection.index() < local_publishers_.size() && local_publishers_[connection.index()] == &connection;
}

bool TrafficWorker::is_slow(const Connection& connection) const {
  return !is_publisher(connection) && !is_bystander(connection) && connection.index() >= settings_.subscribers;
}

bool TrafficWorker::is_bystander(const Connection& connection) const {
  return !is_publisher(connection) && connection.index() >= settings_.subscribers + settings_.slow_subscribers;
}

Introduction TrafficWorker::introduction(const Connection& connection) {
  const bool publishes = is_publisher(connection);
  const bool bystander = is_bystander(connection);
  Introduction introduction = introduction_of(publishes ? "p" : bystander ? "b" : "s", connection.index());
  introduction.filter_qos = settings_.subscribe_qos;
  if (publishes || bystander) return introduction;
  introduction.clean_session = !settings_.persistent || forgetting_ || is_slow(connection);
  if (!subscribed_) introduction.filter = plan_.filter(connection.index());
  return introduction;
}

void TrafficWorker::on_online(Connection& connection) {
  Worker::on_online(connection);
  if (forgetting_) return connection.finish();
  if (is_publisher(connection)) return;
  if (is_bystander(connection)) return static_cast<Bystander&>(connection).subscribe();
  if (is_slow(connection)) return connection.stop_reading();
  if (subscribed_ && !connection.session_present()) ++sessions_lost_;
}

void TrafficWorker::on_failed(Connection& connection, const std::string& reason) {
  // A broker may send a subscriber away that reads nothing; anybody else's end is a failure.
  const bool sent_away = is_slow(connection) && connection.was_online();
  if (!sent_away) return Worker::on_failed(connection, reason);
  Worker::on_finished(connection);
  ++slow_closed_;
}

void TrafficWorker::on_command(Command command) {
  switch (command) {
    case Command::kOpenBystanders:
      return open_all(pointers(bystanders_));
    case Command::kOpenSubscribers: {
      auto list = pointers(subscribers_);
      for (const auto& slow : slow_subscribers_) list.push_back(slow.get());
      return open_all(std::move(list));
    }
    case Command::kOpenPublishers:
      subscribed_ = true;
      return open_all(pointers(publishers_));
    case Command::kPublish:
      return begin_publishing();
    case Command::kStopPublishing:
      return stop_publishing();
    case Command::kFinishPublishers:
      for (const auto& publisher : publishers_) publisher->finish();
      return;
    case Command::kFinishSubscribers:
      return finish_subscribers();
    case Command::kForgetSessions:
      forgetting_ = true;
      for (const auto& subscriber : subscribers_) drop(*subscriber);
      return open_all(pointers(subscribers_));
    case Command::kNone:
    case Command::kEnd:
      return;
  }
}

void TrafficWorker::begin_publishing() {
  publishing_ = true;
  if (settings_.closed_loop() || settings_.scenario == Scenario::kReplay) {
    for (const auto& publisher : publishers_) publisher->begin(settings_.publishes_max());
    return;
  }
  if (publishers_.empty()) return;
  // The whole timetable is dealt out to the publishers in turn; each worker has the part of its own ones.
  const auto share = static_cast<double>(publishers_.size()) / settings_.publishers;
  const auto stagger_ns = static_cast<int64_t>(1e9 / settings_.rate * number_);
  schedule_ = RateSchedule(plan_.start_ns + stagger_ns, settings_.rate * share);
  for (uint32_t i = 0; i < publishers_.size(); ++i) {
    publishers_[i]->follow(schedule_, static_cast<uint32_t>(publishers_.size()), i);
  }
}

void TrafficWorker::finish_subscribers() {
  for (const auto& subscriber : subscribers_) {
    if (subscriber->last_ns() > subscriber->opened_ns()) {
      catch_up_.record(static_cast<uint64_t>(subscriber->last_ns() - subscriber->opened_ns()));
    }
    subscriber->finish();
  }
  for (const auto& bystander : bystanders_) bystander->finish();
  // Nobody reads what waits for them, so they would never see the peer's close.
  for (const auto& slow : slow_subscribers_) drop(*slow);
}

void TrafficWorker::stop_publishing() {
  publishing_ = false;
  const int64_t now_ns = loop().refresh_now();
  for (const auto& publisher : publishers_) {
    behind_ += publisher->behind(now_ns);
    publisher->stop();
  }
}

int64_t TrafficWorker::work() {
  int64_t timeout_ns = kTurnNsMax;
  if (publishing_) timeout_ns = follow_schedule();
  if (publishing_ && !plan_.one_thread() && settings_.window != 0) {
    for (const auto& publisher : publishers_) pump_list_.add(*publisher);
    timeout_ns = std::min(timeout_ns, kRemoteWindowNs);
  }
  if (pump_list_.pump_all()) timeout_ns = 0;
  if (publishing_) check_stalls();
  return timeout_ns;
}

int64_t TrafficWorker::follow_schedule() {
  if (settings_.closed_loop() || settings_.scenario == Scenario::kReplay || publishers_.empty()) return kTurnNsMax;
  const uint64_t due = schedule_.due(loop().now_ns());
  const uint64_t newly = std::min<uint64_t>(due - scheduled_, publishers_.size());
  for (uint64_t i = 0; i < newly; ++i) pump_list_.add(*publishers_[(due - 1 - i) % publishers_.size()]);
  scheduled_ = due;
  return std::max<int64_t>(0, schedule_.intended_ns(due) - loop().now_ns());
}

void TrafficWorker::check_stalls() {
  const int64_t now_ns = loop().now_ns();
  if (now_ns - stall_check_ns_ < kStallNs) return;
  stall_check_ns_ = now_ns;
  for (const auto& publisher : publishers_) publisher->check_stall();
}

TrafficWorker::Outcome TrafficWorker::outcome() const {
  Outcome outcome{
      .sessions_lost = sessions_lost_, .behind = behind_, .slow_closed = slow_closed_, .catch_up = catch_up_};
  for (const auto& subscriber : subscribers_) outcome.never_came += subscriber->never_came();
  return outcome;
}

}  // namespace penstock::bench
