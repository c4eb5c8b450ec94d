// Numbers that a run of the tests can be given from outside: seeds, rounds, durations.
#pragma once

#include <stdlib.h>

#include <cstdint>
#include <string>

namespace penstock::test {

inline uint64_t number_from_environment(const char* name, uint64_t otherwise) {
  const char* text = getenv(name);
  return text != nullptr ? std::stoull(text) : otherwise;
}

}  // namespace penstock::test
