// Topics and filters as the oracle reads them: the second opinion on protocol/ and broker/peer_topic.h. Pure functions.
#pragma once

#include <string>
#include <string_view>

namespace penstock::sim {

// "$share/GROUP/FILTER".
bool is_shared(std::string_view filter);
// FILTER of a shared one; any other one as it is.
std::string_view plain_filter(std::string_view filter);
// CLIENTID of PARENT/p2p/CLIENTID, perhaps with levels behind; empty: a topic like any other.
std::string_view peer_of(std::string_view topic);
// Whether a subscription to `filter` brings messages to `topic`: those to one client come by none.
bool brings(std::string_view filter, std::string_view topic);

}  // namespace penstock::sim
