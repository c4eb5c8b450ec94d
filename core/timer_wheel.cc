// Seven levels of 64 slots. A timer lies on the level of the highest 6-bit digit in which its due tick differs from
// now_tick_, in the slot of that digit. So every timer of a lower level is due before any of a higher one, a level's
// slots are due in the order of their digits, and the next event is the first set bit of the lowest level in use.
// When now_tick_ reaches a slot, its timers fire or move down to where the rule now puts them.
//
// A timer that stops only unlinks itself (it does not know its wheel, which saves 8 bytes each), so the bit of its slot
// may outlive it; next_event() clears such bits when it meets them.
#include "core/timer_wheel.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "core/check.h"

namespace penstock::core {
namespace {

constexpr int kDigitBits = 6;
constexpr int kSlots = 1 << kDigitBits;
constexpr int kLevels = 7;
constexpr uint64_t kDueTickMax = std::numeric_limits<int64_t>::max() / TimerWheel::kTickNs;
static_assert(kDueTickMax >> (kDigitBits * kLevels) == 0, "every tick that fits into 64-bit nanoseconds has a level");

constexpr uint64_t digit(uint64_t tick, int level) {
  return tick >> (kDigitBits * level) & (kSlots - 1);
}

}  // namespace

struct TimerWheel::Level {
  uint64_t in_use = 0;      // bit per slot
  TimerLink slots[kSlots];  // heads of rings
};

void TimerLink::unlink() {
  previous_->next_ = next_;
  next_->previous_ = previous_;
  next_ = previous_ = nullptr;
}

Timer::~Timer() {
  if (linked()) unlink();
}

TimerWheel::TimerWheel(int64_t now_ns)
    : levels_(new Level[kLevels]), now_ns_(now_ns), now_tick_(static_cast<uint64_t>(now_ns) / kTickNs) {
  CHECK_GE(now_ns, 0);
  for (int level = 0; level < kLevels; ++level) {
    for (TimerLink& head : levels_[level].slots) head.next_ = head.previous_ = &head;
  }
}

TimerWheel::~TimerWheel() {
  for (int level = 0; level < kLevels; ++level) {
    for (TimerLink& head : levels_[level].slots) {
      while (head.next_ != &head) head.next_->unlink();
    }
  }
}

void TimerWheel::start(Timer& timer, int64_t delay_ns) {
  CHECK_GE(delay_ns, 0);
  if (timer.linked()) timer.unlink();
  // Rounded up, so that it is never early. At least the next tick, so that a timer which restarts itself with no delay
  // cannot hold advance() for ever.
  const uint64_t due_ns = static_cast<uint64_t>(now_ns_) + static_cast<uint64_t>(delay_ns);
  const uint64_t due_tick = std::min((due_ns + kTickNs - 1) / kTickNs, kDueTickMax);
  timer.due_tick_ = std::max(due_tick, now_tick_ + 1);
  place(timer);
}

void TimerWheel::stop(Timer& timer) {
  if (timer.linked()) timer.unlink();
}

void TimerWheel::place(Timer& timer) {
  const int level = (std::bit_width(timer.due_tick_ ^ now_tick_) - 1) / kDigitBits;
  const uint64_t slot = digit(timer.due_tick_, level);
  TimerLink& head = levels_[level].slots[slot];
  TimerLink& link = timer;
  link.next_ = &head;
  link.previous_ = head.previous_;
  head.previous_->next_ = &link;
  head.previous_ = &link;
  levels_[level].in_use |= uint64_t{1} << slot;
}

TimerWheel::Event TimerWheel::next_event() const {
  for (int level = 0; level < kLevels; ++level) {
    uint64_t& in_use = levels_[level].in_use;
    while (in_use != 0) {
      const int slot = std::countr_zero(in_use);
      const TimerLink& head = levels_[level].slots[slot];
      if (head.next_ != &head) {
        const int above_bits = kDigitBits * (level + 1);
        const uint64_t above = now_tick_ >> above_bits << above_bits;
        return {above | static_cast<uint64_t>(slot) << (kDigitBits * level), level, slot};
      }
      in_use &= in_use - 1;
    }
  }
  return {0, kLevels, 0};
}

void TimerWheel::advance(int64_t now_ns) {
  CHECK_GE(now_ns, now_ns_);
  now_ns_ = now_ns;
  const uint64_t target = static_cast<uint64_t>(now_ns) / kTickNs;
  while (now_tick_ < target) {
    const Event event = next_event();
    if (event.level == kLevels || event.tick > target) {
      now_tick_ = target;
    } else {
      reach(event);
    }
  }
}

void TimerWheel::reach(const Event& event) {
  now_tick_ = event.tick;
  // The slot's ring is taken over by a head of our own: what fires may start timers in the slot again, and may stop or
  // destroy those that have not fired yet.
  TimerLink& slot = levels_[event.level].slots[event.slot];
  TimerLink taken = slot;
  taken.next_->previous_ = taken.previous_->next_ = &taken;
  slot.next_ = slot.previous_ = &slot;
  levels_[event.level].in_use &= ~(uint64_t{1} << event.slot);

  for (TimerLink* link = taken.next_; link != &taken;) {
    Timer& timer = *static_cast<Timer*>(link);
    link = link->next_;
    if (timer.due_tick_ == now_tick_) continue;
    timer.unlink();
    place(timer);
  }
  while (taken.next_ != &taken) {
    Timer& timer = *static_cast<Timer*>(taken.next_);
    timer.unlink();
    timer.on_timer();
  }
}

int64_t TimerWheel::next_due_ns() const {
  const Event event = next_event();
  if (event.level == kLevels) return std::numeric_limits<int64_t>::max();
  return static_cast<int64_t>(event.tick) * kTickNs;
}

}  // namespace penstock::core
