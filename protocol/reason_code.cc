// The table of the reason codes: name, and the packets that may carry each.
#include "protocol/reason_code.h"

#include <array>

namespace penstock::protocol {
namespace {

// One bit for each set of packets whose codes are the same.
constexpr uint16_t kConnack = 1 << 0;
constexpr uint16_t kReceipt = 1 << 1;  // PUBACK, PUBREC
constexpr uint16_t kRelease = 1 << 2;  // PUBREL, PUBCOMP
constexpr uint16_t kSuback = 1 << 3;
constexpr uint16_t kUnsuback = 1 << 4;
constexpr uint16_t kClientDisconnect = 1 << 5;
constexpr uint16_t kServerDisconnect = 1 << 6;
constexpr uint16_t kClientAuth = 1 << 7;
constexpr uint16_t kServerAuth = 1 << 8;
constexpr uint16_t kDisconnect = kClientDisconnect | kServerDisconnect;
constexpr uint16_t kAuth = kClientAuth | kServerAuth;

struct Line {
  ReasonCode code;
  const char* name;
  uint16_t packets;
};

// Table 2-6, and what the tables 3-1 and 3-4 to 3-11 say of each packet and of its sender. They differ in one: 2-6 has
// "bad authentication method" for DISCONNECT, 3-10 has not. A server whose client changes the method needs it.
constexpr Line kLines[] = {
    {ReasonCode::kSuccess, "success", kConnack | kReceipt | kRelease | kSuback | kUnsuback | kDisconnect | kServerAuth},
    {ReasonCode::kGrantedAtLeastOnce, "granted QoS 1", kSuback},
    {ReasonCode::kGrantedExactlyOnce, "granted QoS 2", kSuback},
    {ReasonCode::kDisconnectWithWill, "disconnect with will message", kClientDisconnect},
    {ReasonCode::kNoMatchingSubscribers, "no matching subscribers", kReceipt},
    {ReasonCode::kNoSubscriptionExisted, "no subscription existed", kUnsuback},
    {ReasonCode::kContinueAuthentication, "continue authentication", kAuth},
    {ReasonCode::kReauthenticate, "re-authenticate", kClientAuth},
    {ReasonCode::kUnspecifiedError, "unspecified error", kConnack | kReceipt | kSuback | kUnsuback | kDisconnect},
    {ReasonCode::kMalformedPacket, "malformed packet", kConnack | kDisconnect},
    {ReasonCode::kProtocolError, "protocol error", kConnack | kDisconnect},
    {ReasonCode::kImplementationSpecificError, "implementation specific error",
     kConnack | kReceipt | kSuback | kUnsuback | kDisconnect},
    {ReasonCode::kUnsupportedProtocolVersion, "unsupported protocol version", kConnack},
    {ReasonCode::kClientIdNotValid, "client identifier not valid", kConnack},
    {ReasonCode::kBadUserNameOrPassword, "bad user name or password", kConnack},
    {ReasonCode::kNotAuthorized, "not authorized", kConnack | kReceipt | kSuback | kUnsuback | kServerDisconnect},
    {ReasonCode::kServerUnavailable, "server unavailable", kConnack},
    {ReasonCode::kServerBusy, "server busy", kConnack | kServerDisconnect},
    {ReasonCode::kBanned, "banned", kConnack},
    {ReasonCode::kServerShuttingDown, "server shutting down", kServerDisconnect},
    {ReasonCode::kBadAuthenticationMethod, "bad authentication method", kConnack | kServerDisconnect},
    {ReasonCode::kKeepAliveTimeout, "keep alive timeout", kServerDisconnect},
    {ReasonCode::kSessionTakenOver, "session taken over", kServerDisconnect},
    {ReasonCode::kTopicFilterInvalid, "topic filter invalid", kSuback | kUnsuback | kServerDisconnect},
    {ReasonCode::kTopicNameInvalid, "topic name invalid", kConnack | kReceipt | kDisconnect},
    {ReasonCode::kPacketIdInUse, "packet identifier in use", kReceipt | kSuback | kUnsuback},
    {ReasonCode::kPacketIdNotFound, "packet identifier not found", kRelease},
    {ReasonCode::kReceiveMaximumExceeded, "receive maximum exceeded", kDisconnect},
    {ReasonCode::kTopicAliasInvalid, "topic alias invalid", kDisconnect},
    {ReasonCode::kPacketTooLarge, "packet too large", kConnack | kDisconnect},
    {ReasonCode::kMessageRateTooHigh, "message rate too high", kDisconnect},
    {ReasonCode::kQuotaExceeded, "quota exceeded", kConnack | kReceipt | kSuback | kDisconnect},
    {ReasonCode::kAdministrativeAction, "administrative action", kDisconnect},
    {ReasonCode::kPayloadFormatInvalid, "payload format invalid", kConnack | kReceipt | kDisconnect},
    {ReasonCode::kRetainNotSupported, "retain not supported", kConnack | kServerDisconnect},
    {ReasonCode::kQoSNotSupported, "QoS not supported", kConnack | kServerDisconnect},
    {ReasonCode::kUseAnotherServer, "use another server", kConnack | kServerDisconnect},
    {ReasonCode::kServerMoved, "server moved", kConnack | kServerDisconnect},
    {ReasonCode::kSharedSubscriptionsNotSupported, "shared subscriptions not supported", kSuback | kServerDisconnect},
    {ReasonCode::kConnectionRateExceeded, "connection rate exceeded", kConnack | kServerDisconnect},
    {ReasonCode::kMaximumConnectTime, "maximum connect time", kServerDisconnect},
    {ReasonCode::kSubscriptionIdsNotSupported, "subscription identifiers not supported", kSuback | kServerDisconnect},
    {ReasonCode::kWildcardSubscriptionsNotSupported, "wildcard subscriptions not supported",
     kSuback | kServerDisconnect},
};

constexpr uint8_t kNone = 0xff;
// Index of the line of each value.
constexpr auto kLineOf = [] {
  std::array<uint8_t, 256> line_of{};
  line_of.fill(kNone);
  for (uint8_t i = 0; i < std::size(kLines); ++i) line_of[static_cast<uint8_t>(kLines[i].code)] = i;
  return line_of;
}();

const Line* find(ReasonCode code) {
  const uint8_t index = kLineOf[static_cast<uint8_t>(code)];
  return index == kNone ? nullptr : &kLines[index];
}

uint16_t packets_of(PacketType type, Sender sender) {
  switch (type) {
    case PacketType::kConnack:
      return kConnack;
    case PacketType::kPuback:
    case PacketType::kPubrec:
      return kReceipt;
    case PacketType::kPubrel:
    case PacketType::kPubcomp:
      return kRelease;
    case PacketType::kSuback:
      return kSuback;
    case PacketType::kUnsuback:
      return kUnsuback;
    case PacketType::kDisconnect:
      return sender == Sender::kClient ? kClientDisconnect : kServerDisconnect;
    case PacketType::kAuth:
      return sender == Sender::kClient ? kClientAuth : kServerAuth;
    default:
      return 0;
  }
}

// Return codes of 3.1 and 3.1.1 by their value.
constexpr ReasonCode kConnackReturnCodes[] = {
    ReasonCode::kSuccess,           ReasonCode::kUnsupportedProtocolVersion, ReasonCode::kClientIdNotValid,
    ReasonCode::kServerUnavailable, ReasonCode::kBadUserNameOrPassword,      ReasonCode::kNotAuthorized,
};

}  // namespace

const char* to_string(ReasonCode code) {
  const Line* line = find(code);
  return line == nullptr ? "unknown" : line->name;
}

bool may_carry(PacketType type, ReasonCode code, Sender sender) {
  const Line* line = find(code);
  return line != nullptr && (line->packets & packets_of(type, sender)) != 0;
}

uint8_t connack_return_code(ReasonCode code) {
  for (uint8_t value = 0; value < std::size(kConnackReturnCodes); ++value) {
    if (kConnackReturnCodes[value] == code) return value;
  }
  const bool is_for_this_client = code == ReasonCode::kBanned || code == ReasonCode::kBadAuthenticationMethod;
  return is_for_this_client ? 5 : 3;
}

ReasonCode from_connack_return_code(uint8_t return_code) {
  return return_code < std::size(kConnackReturnCodes) ? kConnackReturnCodes[return_code]
                                                      : ReasonCode::kUnspecifiedError;
}

}  // namespace penstock::protocol
