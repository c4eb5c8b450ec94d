// TimerWheel against a naive model, and its corners.
#include "core/timer_wheel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "core/random.h"

namespace penstock::core {
namespace {

constexpr int64_t kTick = TimerWheel::kTickNs;
constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

class CallTimer final : public Timer {
 public:
  explicit CallTimer(std::function<void()> call = {}) : call_(std::move(call)) {}
  int fired() const { return fired_; }

 private:
  void on_timer() override {
    ++fired_;
    if (call_) call_();
  }
  std::function<void()> call_;
  int fired_ = 0;
};

TEST(TimerWheel, fires_once_and_not_before_its_time) {
  TimerWheel wheel(5);
  CallTimer timer;
  wheel.start(timer, 3 * kTick);
  wheel.advance(3 * kTick + 4);
  EXPECT_EQ(timer.fired(), 0);
  EXPECT_TRUE(timer.armed());
  wheel.advance(4 * kTick + 5);
  EXPECT_EQ(timer.fired(), 1);
  EXPECT_FALSE(timer.armed());
  wheel.advance(1000 * kTick);
  EXPECT_EQ(timer.fired(), 1);
}

TEST(TimerWheel, fires_a_timer_of_many_years) {
  const int64_t years_ns = int64_t{20} * 365 * 24 * 3600 * 1'000'000'000;
  TimerWheel wheel(123'456'789);
  CallTimer timer;
  wheel.start(timer, years_ns);
  wheel.advance(years_ns);
  EXPECT_EQ(timer.fired(), 0);
  wheel.advance(years_ns + 123'456'789 + kTick);
  EXPECT_EQ(timer.fired(), 1);
}

TEST(TimerWheel, takes_the_longest_delay_there_is) {
  TimerWheel wheel(kTick);
  CallTimer timer;
  wheel.start(timer, kNever);
  wheel.advance(kNever / 2);
  EXPECT_EQ(timer.fired(), 0);
  EXPECT_TRUE(timer.armed());
  EXPECT_LT(wheel.next_due_ns(), kNever);
}

TEST(TimerWheel, knows_that_nothing_is_due_when_nothing_is_armed) {
  TimerWheel wheel(0);
  EXPECT_EQ(wheel.next_due_ns(), kNever);
  CallTimer timer;
  wheel.start(timer, kTick);
  EXPECT_EQ(wheel.next_due_ns(), kTick);
  wheel.stop(timer);
  EXPECT_EQ(wheel.next_due_ns(), kNever);
  {
    CallTimer destroyed;
    wheel.start(destroyed, kTick);
  }
  EXPECT_EQ(wheel.next_due_ns(), kNever);
}

TEST(TimerWheel, moves_a_timer_that_is_started_again) {
  TimerWheel wheel(0);
  CallTimer timer;
  wheel.start(timer, 10 * kTick);
  wheel.start(timer, 100 * kTick);
  wheel.advance(99 * kTick);
  EXPECT_EQ(timer.fired(), 0);
  wheel.advance(100 * kTick);
  EXPECT_EQ(timer.fired(), 1);
}

TEST(TimerWheel, lets_a_timer_restart_itself_without_delay) {
  TimerWheel wheel(0);
  std::function<void()> again;
  CallTimer timer([&] { again(); });
  again = [&] { wheel.start(timer, 0); };
  wheel.start(timer, 0);
  wheel.advance(kTick);
  EXPECT_EQ(timer.fired(), 1);
  wheel.advance(2 * kTick);
  EXPECT_EQ(timer.fired(), 2);
}

TEST(TimerWheel, counts_a_delay_from_now_and_not_from_the_due_time_of_the_timer_that_starts_it) {
  TimerWheel wheel(0);
  CallTimer late;
  CallTimer first([&] { wheel.start(late, 10 * kTick); });
  wheel.start(first, kTick);
  wheel.advance(1000 * kTick);
  EXPECT_EQ(first.fired(), 1);
  EXPECT_EQ(late.fired(), 0);
  wheel.advance(1009 * kTick);
  EXPECT_EQ(late.fired(), 0);
  wheel.advance(1010 * kTick);
  EXPECT_EQ(late.fired(), 1);
}

TEST(TimerWheel, lets_a_timer_stop_and_destroy_others_of_the_same_tick_and_itself) {
  TimerWheel wheel(0);
  CallTimer stopped;
  auto destroyed = std::make_unique<CallTimer>();
  std::unique_ptr<CallTimer> self;
  self = std::make_unique<CallTimer>([&] {
    wheel.stop(stopped);
    destroyed.reset();
    self.reset();
  });
  CallTimer last;
  for (CallTimer* timer : {self.get(), &stopped, destroyed.get(), &last}) wheel.start(*timer, 70 * kTick);
  wheel.advance(70 * kTick);
  EXPECT_EQ(self, nullptr);
  EXPECT_EQ(stopped.fired(), 0);
  EXPECT_EQ(last.fired(), 1);
}

TEST(TimerWheel, fires_timers_of_one_tick_in_the_order_in_which_they_were_started) {
  TimerWheel wheel(0);
  std::vector<int> order;
  std::vector<std::unique_ptr<CallTimer>> timers;
  for (int i = 0; i < 4; ++i) timers.push_back(std::make_unique<CallTimer>([&order, i] { order.push_back(i); }));
  wheel.start(*timers[0], 5000 * kTick);  // waits on a high level
  wheel.advance(4000 * kTick);
  wheel.start(*timers[1], 1000 * kTick);
  wheel.advance(4990 * kTick);
  wheel.start(*timers[2], 10 * kTick);
  wheel.start(*timers[3], 10 * kTick);
  wheel.advance(9000 * kTick);
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3}));
}

TEST(TimerWheel, stops_armed_timers_when_it_ends_before_them) {
  CallTimer timer;
  {
    TimerWheel wheel(0);
    wheel.start(timer, kTick);
  }
  EXPECT_FALSE(timer.armed());
}

// The model: per timer its due tick, as the contract of start() gives it.
class Model {
 public:
  explicit Model(uint64_t seed, int64_t now_ns) : random_(seed), now_ns_(now_ns), wheel_(now_ns) {
    for (size_t i = 0; i < kTimers; ++i) {
      timers_.push_back(std::make_unique<CallTimer>([this, i] { on_fired(i); }));
    }
  }

  void step() {
    const size_t i = random_.below(kTimers);
    switch (random_.below(4)) {
      case 0:
      case 1:
        start(i);
        break;
      case 2:
        wheel_.stop(*timers_[i]);
        due_[i].reset();
        break;
      default:
        advance();
    }
    ASSERT_EQ(timers_[i]->armed(), due_[i].has_value());
    const auto earliest = std::min_element(
        due_.begin(), due_.end(), [](const auto& a, const auto& b) { return a.value_or(kNever) < b.value_or(kNever); });
    const int64_t next_ns = wheel_.next_due_ns();
    if (*earliest) {
      ASSERT_LE(next_ns, **earliest * kTick);
      ASSERT_GT(next_ns, now_ns_ - kTick);
    } else {
      ASSERT_EQ(next_ns, kNever);
    }
  }

 private:
  static constexpr size_t kTimers = 40;

  int64_t any_span_ns() { return static_cast<int64_t>(random_.next_u64() >> (10 + random_.below(54))); }

  void start(size_t i) {
    const int64_t delay_ns = random_.chance(1, 8) ? 0 : any_span_ns() / 4;
    wheel_.start(*timers_[i], delay_ns);
    // At least the tick after the last one that has been fired.
    const int64_t tick = advancing_ ? firing_tick_ : now_ns_ / kTick;
    due_[i] = std::max((now_ns_ + delay_ns + kTick - 1) / kTick, tick + 1);
  }

  void advance() {
    now_ns_ += any_span_ns() / 64;
    advancing_ = true;
    firing_tick_ = 0;
    wheel_.advance(now_ns_);
    advancing_ = false;
    for (size_t i = 0; i < kTimers; ++i) {
      ASSERT_GT(due_[i].value_or(kNever), now_ns_ / kTick) << "timer " << i << " was missed";
    }
  }

  void on_fired(size_t i) {
    ASSERT_TRUE(due_[i].has_value()) << "timer " << i << " fired but was not armed";
    ASSERT_LE(*due_[i] * kTick, now_ns_) << "timer " << i << " fired early";
    ASSERT_GE(*due_[i], firing_tick_) << "timer " << i << " fired out of order";
    firing_tick_ = *due_[i];
    due_[i].reset();
    if (random_.chance(1, 3)) start(random_.below(kTimers));
    if (random_.chance(1, 3)) {
      const size_t other = random_.below(kTimers);
      wheel_.stop(*timers_[other]);
      due_[other].reset();
    }
  }

  SeededRandom random_;
  int64_t now_ns_;
  TimerWheel wheel_;
  std::vector<std::unique_ptr<CallTimer>> timers_;
  std::vector<std::optional<int64_t>> due_ = std::vector<std::optional<int64_t>>(kTimers);
  bool advancing_ = false;
  int64_t firing_tick_ = 0;
};

TEST(TimerWheel, agrees_with_a_naive_model_over_random_starts_stops_and_jumps) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Model model(seed, static_cast<int64_t>(seed * 977 * kTick / 3));
    for (int i = 0; i < 2000 && !testing::Test::HasFatalFailure(); ++i) model.step();
    ASSERT_FALSE(testing::Test::HasFailure());
  }
}

}  // namespace
}  // namespace penstock::core
