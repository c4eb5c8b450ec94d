// Wire: packets of MQTT 3.1, 3.1.1 and 5.0 as a test client sees them, written from the standards alone. It shares no
// code with protocol/ on purpose: an error there must not cancel itself out in the tests. Pure functions over
// std::string; also able to build wrong packets. Any thread. Never used by the broker.
//
// Functions whose bytes depend on the version take the protocol level of CONNECT last.
#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/properties.h"

namespace penstock::test {

constexpr uint8_t kLevel31 = 3;
constexpr uint8_t kLevel311 = 4;
constexpr uint8_t kLevel5 = 5;

enum class Type : uint8_t {
  kNone = 0,
  kConnect = 1,
  kConnack = 2,
  kPublish = 3,
  kPuback = 4,
  kPubrec = 5,
  kPubrel = 6,
  kPubcomp = 7,
  kSubscribe = 8,
  kSuback = 9,
  kUnsubscribe = 10,
  kUnsuback = 11,
  kPingreq = 12,
  kPingresp = 13,
  kDisconnect = 14,
  kAuth = 15,  // of 5.0; reserved before
};
const char* name_of(Type type);

// Subscription options of 5.0, beside the QoS in the lowest two bits.
constexpr uint8_t kNoLocal = 0x04;
constexpr uint8_t kRetainAsPublished = 0x08;
constexpr uint8_t kRetainWhenNew = 0x10;  // Retain Handling 1
constexpr uint8_t kRetainNever = 0x20;    // Retain Handling 2

// What a server may send. Fields that the type does not have stay empty.
struct Packet {
  Type type = Type::kNone;  // kNone: nothing came (the failure is already reported)
  uint8_t flags = 0;        // low nibble of the first byte
  uint16_t packet_id = 0;
  std::string topic;
  std::string payload;
  std::string codes;  // of SUBACK; in 5.0 of UNSUBACK too
  bool session_present = false;
  uint8_t acknowledge_flags = 0;  // CONNACK, whole byte
  uint8_t return_code = 0;        // CONNACK; in 5.0 its reason code
  // Of 5.0 alone.
  uint8_t reason_code = 0;  // 0 also where the packet ends before it
  Properties properties = {};
  size_t bytes = 0;  // of the whole packet

  uint8_t qos() const { return (flags >> 1) & 3; }
  bool dup() const { return (flags & 8) != 0; }
  bool retain() const { return (flags & 1) != 0; }

  bool has(PropertyId id) const { return find(properties, id) != nullptr; }
  uint32_t number(PropertyId id, uint32_t otherwise = 0) const;
  std::string text(PropertyId id) const;  // "" where there is none
};
std::ostream& operator<<(std::ostream& out, const Packet& packet);

struct Will {
  std::string topic;
  std::string payload;
  uint8_t qos = 0;
  bool retain = false;
  Properties properties = {};  // of 5.0
};

struct ConnectOptions {
  std::string client_id;
  // In 5.0 this means what it means before: a session that begins and ends with the connection, or one that was there
  // and never ends (Clean Start 0 and a Session Expiry Interval of 0xFFFFFFFF).
  bool clean_session = true;
  uint16_t keepalive_s = 0;
  std::optional<Will> will = {};
  std::optional<std::string> user_name = {};
  std::optional<std::string> password = {};
  std::optional<std::string> protocol_name = {};  // none: that of the level
  std::optional<uint8_t> protocol_level = {};     // none: that of the client; of a packet alone 3.1.1
  uint8_t extra_flags = 0;                        // or-ed into the connect flags: for wrong packets
  // Of 5.0 alone. Where this is given it is the Clean Start flag, and only `properties` say when the session expires.
  std::optional<bool> clean_start = {};
  Properties properties = {};
};

struct PublishOptions {
  uint8_t qos = 0;
  bool retain = false;
  bool dup = false;
  uint16_t packet_id = 0;  // left out at QoS 0
  Properties properties = {};
};

// Topic filters with the QoS, in 5.0 the whole byte of subscription options.
using FilterList = std::vector<std::pair<std::string, uint8_t>>;

// A u16 length, then the bytes.
std::string field(std::string_view text);
std::string u16(uint16_t value);
// First byte, remaining length, body.
std::string framed(uint8_t first_byte, std::string_view body);

std::string connect_packet(const ConnectOptions& options);
std::string publish_packet(std::string_view topic, std::string_view payload, const PublishOptions& options = {},
                           uint8_t level = kLevel311);
// PUBACK, PUBREC, PUBREL (with its flags 0010), PUBCOMP: two bytes, which mean success in every version.
std::string acknowledge_packet(Type type, uint16_t packet_id);
// The same with the reason code and the properties of 5.0 written out.
std::string acknowledge_packet(Type type, uint16_t packet_id, uint8_t reason_code, const Properties& properties = {});
std::string subscribe_packet(uint16_t packet_id, const FilterList& filters, const Properties& properties = {},
                             uint8_t level = kLevel311);
std::string unsubscribe_packet(uint16_t packet_id, const std::vector<std::string>& filters,
                               const Properties& properties = {}, uint8_t level = kLevel311);
std::string pingreq_packet();
std::string disconnect_packet();  // in 5.0 with reason code 0
// Of 5.0.
std::string disconnect_packet(uint8_t reason_code, const Properties& properties = {});
std::string auth_packet(uint8_t reason_code, const Properties& properties);

// "10 04 00" -> bytes; blanks are skipped.
std::string from_hex(std::string_view hex);
std::string to_hex(std::string_view bytes);

enum class Take : uint8_t { kPacket, kMore, kBroken };
// Takes the first packet off `bytes` from `begin` on and moves `begin` behind it. kBroken: no server may send this.
// What a server of 5.0 may put into a packet that has the right form is judged by server_rules.h.
Take take_packet(std::string_view bytes, size_t& begin, Packet& packet, uint8_t level = kLevel311);

}  // namespace penstock::test
