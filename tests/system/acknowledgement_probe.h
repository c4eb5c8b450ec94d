// Does the broker acknowledge this publish, or does it stay silent, as it has to when it cannot keep the message?
#pragma once

#include <string>

#include "tests/support/test_client.h"

namespace penstock::test {

// Sends the packet (QoS 1 or 2) and a PINGREQ: PUBACK or PUBREC may come before or after PINGRESP; so many round trips
// tell that it does not come soon. Leaves no answer behind.
bool is_acknowledged(TestClient& publisher, const std::string& publish, int round_trips);

}  // namespace penstock::test
