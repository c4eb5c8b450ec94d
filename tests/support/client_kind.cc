#include "tests/support/client_kind.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>

#include "tests/support/broker_process.h"
#include "tests/support/layered_transport.h"

namespace penstock::test {
namespace {

std::vector<ClientKind> all_client_kinds() {
  if (runs_mosquitto()) return {ClientKind{}};
  std::vector<ClientKind> all;
  for (const TransportKind over :
       {TransportKind::kTcp, TransportKind::kTls, TransportKind::kWebSocket, TransportKind::kWebSocketTls}) {
    for (const uint8_t level : {kLevel31, kLevel311, kLevel5}) all.push_back({level, over});
  }
  return all;
}

}  // namespace

std::string name_of(const ClientKind& kind) {
  const char* version = kind.level == kLevel31 ? "v31_" : kind.level == kLevel311 ? "v311_" : "v5_";
  return std::string(version) + name_of(kind.over);
}

std::vector<ClientKind> client_kinds_under_test() {
  std::vector<ClientKind> kinds = all_client_kinds();
  const char* wanted = getenv("PENSTOCK_TEST_CLIENT");
  if (wanted == nullptr) return kinds;
  std::erase_if(kinds, [&](const ClientKind& kind) { return name_of(kind) != wanted; });
  if (kinds.empty()) ADD_FAILURE() << "there is no client of kind " << wanted;
  return kinds;
}

std::vector<std::string> listeners_for(const std::vector<ClientKind>& kinds, const std::string& path) {
  std::vector<std::string> flags;
  std::vector<TransportKind> there = {transport_under_test()};
  for (const ClientKind& kind : kinds) {
    if (std::ranges::find(there, kind.over) != there.end()) continue;
    there.push_back(kind.over);
    flags.insert(flags.end(), {"--listen", listener_of(kind.over, path)});
  }
  return flags;
}

}  // namespace penstock::test
