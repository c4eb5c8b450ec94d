// A mount namespace of this process and its children alone: what a test mounts nobody else sees, and it goes with the
// process, however that ends. Needs root.
#pragma once

#include <string>

namespace penstock::test {

// Enters it, once in the life of the process and before it has threads. Empty, or why that is impossible.
std::string enter_own_mounts();

}  // namespace penstock::test
