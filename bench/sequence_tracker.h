// SequenceTracker: what one subscriber has seen of one publisher's numbered messages: in order, missing, late, twice.
// The usual case, the next number, is one comparison. Owned by the subscriber's thread. Never remembers more than
// kGapCountMax gaps: older ones then stay lost for good, and their late arrivals count as duplicates.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace penstock::bench {

struct SequenceCounts {
  uint64_t missing = 0;      // numbers jumped over and not seen since
  uint64_t reordered = 0;    // arrived after a higher number
  uint64_t duplicates = 0;   // seen before, DUP flag not set (or QoS 2, where no repetition is allowed)
  uint64_t redelivered = 0;  // seen before, DUP flag set: allowed at QoS 1
  uint64_t corrupt = 0;      // a number that cannot be

  void add(const SequenceCounts& other) {
    missing += other.missing;
    reordered += other.reordered;
    duplicates += other.duplicates;
    redelivered += other.redelivered;
    corrupt += other.corrupt;
  }
};

class SequenceTracker {
 public:
  static constexpr uint32_t kGapCountMax = 1024;
  static constexpr uint32_t kAheadMax = 1u << 28;

  // The lowest number above everything seen.
  uint64_t next() const { return next_; }

  // Takes the low 32 bits of an arrived number. Returns by how much next() rose: the messages that are now known to
  // have arrived or to be missing.
  uint64_t arrive(uint32_t wire_sequence, bool repeat_allowed, SequenceCounts& counts) {
    const uint32_t ahead = wire_sequence - static_cast<uint32_t>(next_);
    if (ahead == 0) [[likely]] {
      ++next_;
      return 1;
    }
    return arrive_out_of_turn(ahead, repeat_allowed, counts);
  }

 private:
  struct Gap {
    uint64_t begin;
    uint64_t end;
  };

  uint64_t arrive_out_of_turn(uint32_t ahead, bool repeat_allowed, SequenceCounts& counts);
  bool fill(uint64_t sequence);
  void remember(Gap gap);

  uint64_t next_ = 0;
  std::unique_ptr<std::vector<Gap>> gaps_;  // ascending; made at the first gap, since most flows never have one
};

}  // namespace penstock::bench
