// FilterOptions: what a SUBSCRIBE of 5.0 says of its filter beside the QoS. A client says the same each time.
#pragma once

#include <cstdint>

namespace penstock::sim {

struct FilterOptions {
  uint8_t bits = 0;         // test::kNoLocal and so on
  uint32_t identifier = 0;  // 0: none
};

}  // namespace penstock::sim
