// Random: the only place where chance comes from. A seeded sequence in tests.
#pragma once

#include <cstdint>

namespace penstock::core {

class Random {
 public:
  virtual ~Random() = default;
  virtual uint64_t next_u64() = 0;
};

// Bytes of getrandom(2). Thread-safe.
Random& system_random();

// xoshiro256** (Blackman, Vigna): the same seed gives the same sequence on every machine. One thread.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(uint64_t seed);
  uint64_t next_u64() override;
  // Uniform in [0, bound); bound > 0.
  uint64_t below(uint64_t bound) { return static_cast<uint64_t>((static_cast<__uint128_t>(next_u64()) * bound) >> 64); }
  // True with probability numerator/denominator.
  bool chance(uint64_t numerator, uint64_t denominator) { return below(denominator) < numerator; }

 private:
  uint64_t state_[4];
};

}  // namespace penstock::core
