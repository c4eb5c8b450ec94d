// ClientKind: what a client speaks and over what: three versions of MQTT times four transports, twelve in all. For
// tests in which clients of all kinds meet at one broker. PENSTOCK_TEST_CLIENT=v5_wss and the like leaves that kind
// alone.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "tests/support/transport.h"
#include "tests/support/wire.h"

namespace penstock::test {

struct ClientKind {
  uint8_t level = kLevel311;
  TransportKind over = TransportKind::kTcp;
  auto operator<=>(const ClientKind&) const = default;
};

// "v31_tcp", "v311_mqtts", "v5_ws"
std::string name_of(const ClientKind& kind);
inline std::ostream& operator<<(std::ostream& out, const ClientKind& kind) {
  return out << name_of(kind);
}

// The version changes from each to the next, so any three in a row have all of them.
std::vector<ClientKind> client_kinds_under_test();

// Flags of the broker: a listener for each of them beside the one that it has anyway. What TLS needs lies beside
// `path`.
std::vector<std::string> listeners_for(const std::vector<ClientKind>& kinds, const std::string& path);

}  // namespace penstock::test
