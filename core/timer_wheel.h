// TimerWheel: the timers of one shard. Intrusive, so a timer costs no allocation; hashed and hierarchical (Varghese and
// Lauck, SOSP 1987), so starting and stopping are O(1) with any number of timers. One thread.
#pragma once

#include <cstdint>
#include <memory>

namespace penstock::core {

class TimerWheel;

// A place in one of the wheel's lists.
class TimerLink {
 private:
  friend class Timer;
  friend class TimerWheel;
  bool linked() const { return next_ != nullptr; }
  void unlink();
  TimerLink* next_ = nullptr;
  TimerLink* previous_ = nullptr;
};

// Derive (or hold as a member) and override on_timer(). Stopped by its destructor.
class Timer : private TimerLink {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  bool armed() const { return linked(); }

 protected:
  virtual ~Timer();
  // Fires once, never early, up to one tick late. May start or stop any timer, and destroy itself.
  virtual void on_timer() = 0;

 private:
  friend class TimerWheel;
  uint64_t due_tick_ = 0;
};

class TimerWheel {
 public:
  static constexpr int64_t kTickNs = 16'000'000;  // 16 ms: fine enough for MQTT's seconds

  explicit TimerWheel(int64_t now_ns);
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;
  // Timers that are still armed are stopped.
  ~TimerWheel();

  // Fires once after `delay_ns` (>= 0, any length up to years), counted from the time last given to advance().
  // Restarts an armed timer.
  void start(Timer& timer, int64_t delay_ns);
  void stop(Timer& timer);
  // Fires what is due at `now_ns` (never less than before), in order of due tick; within a tick in order of starting.
  void advance(int64_t now_ns);
  // When advance() next has something to do (or must cascade); INT64_MAX when no timer is armed. May be early, never
  // late.
  int64_t next_due_ns() const;

 private:
  struct Level;
  struct Event {
    uint64_t tick;
    int level;  // kLevels: nothing is armed
    int slot;
  };
  void place(Timer& timer);
  Event next_event() const;
  void reach(const Event& event);

  std::unique_ptr<Level[]> levels_;
  int64_t now_ns_ = 0;
  uint64_t now_tick_ = 0;  // everything due up to here has fired
};

}  // namespace penstock::core
