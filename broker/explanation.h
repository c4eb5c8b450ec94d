// Explanation: what a reason code leaves open, in one line for a person: the Reason String of MQTT 5.0. Only where the
// code alone would leave its reader to guess; to clients that want to know, and where it fits into what they take.
#pragma once

#include <cstdint>
#include <string_view>

namespace penstock::broker {

enum class Explanation : uint8_t {
  kNone,
  kNoDisk,
  kPayloadTooLarge,
  kPayloadNotText,
  kTooManyFilters,
  kFilterRefused,
  kRoomAgain,
  kClientIdInUse,
};

constexpr std::string_view text_of(Explanation explanation) {
  switch (explanation) {
    case Explanation::kNone:
      break;
    case Explanation::kNoDisk:
      return "the server has no room on its disk";
    case Explanation::kPayloadTooLarge:
      return "the payload is larger than the server takes";
    case Explanation::kPayloadNotText:
      return "the payload is called UTF-8 and is not";
    case Explanation::kTooManyFilters:
      return "more filters than a session may have";
    case Explanation::kFilterRefused:
      return "a filter has more than 128 levels, or names no group that there can be";
    case Explanation::kRoomAgain:
      return "the server has room on its disk again: send once more what it has refused";
    case Explanation::kClientIdInUse:
      return "a client with this id is connected";
  }
  return {};
}

}  // namespace penstock::broker
