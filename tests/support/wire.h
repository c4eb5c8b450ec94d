// Wire: MQTT 3.1 and 3.1.1 packets as a test client sees them, written from the standard alone. It shares no code with
// protocol/ on purpose: an error there must not cancel itself out in the tests. Pure functions over std::string; also
// able to build wrong packets. Any thread. Never used by the broker.
#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace penstock::test {

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
  kReserved = 15,
};
const char* name_of(Type type);

// What a server may send. Fields that the type does not have stay empty.
struct Packet {
  Type type = Type::kNone;  // kNone: nothing came (the failure is already reported)
  uint8_t flags = 0;        // low nibble of the first byte
  uint16_t packet_id = 0;
  std::string topic;
  std::string payload;
  std::string codes;  // SUBACK return codes
  bool session_present = false;
  uint8_t acknowledge_flags = 0;  // CONNACK, whole byte
  uint8_t return_code = 0;        // CONNACK

  uint8_t qos() const { return (flags >> 1) & 3; }
  bool dup() const { return (flags & 8) != 0; }
  bool retain() const { return (flags & 1) != 0; }
};
std::ostream& operator<<(std::ostream& out, const Packet& packet);

struct Will {
  std::string topic;
  std::string payload;
  uint8_t qos = 0;
  bool retain = false;
};

struct ConnectOptions {
  std::string client_id;
  bool clean_session = true;
  uint16_t keepalive_s = 0;
  std::optional<Will> will = {};
  std::optional<std::string> user_name = {};
  std::optional<std::string> password = {};
  std::string protocol_name = "MQTT";
  uint8_t protocol_level = 4;
  uint8_t extra_flags = 0;  // or-ed into the connect flags: for wrong packets
};

struct PublishOptions {
  uint8_t qos = 0;
  bool retain = false;
  bool dup = false;
  uint16_t packet_id = 0;  // left out at QoS 0
};

using FilterList = std::vector<std::pair<std::string, uint8_t>>;

// A u16 length, then the bytes.
std::string field(std::string_view text);
std::string u16(uint16_t value);
// First byte, remaining length, body.
std::string framed(uint8_t first_byte, std::string_view body);

std::string connect_packet(const ConnectOptions& options);
std::string publish_packet(std::string_view topic, std::string_view payload, const PublishOptions& options = {});
// PUBACK, PUBREC, PUBREL (with its flags 0010), PUBCOMP.
std::string acknowledge_packet(Type type, uint16_t packet_id);
std::string subscribe_packet(uint16_t packet_id, const FilterList& filters);
std::string unsubscribe_packet(uint16_t packet_id, const std::vector<std::string>& filters);
std::string pingreq_packet();
std::string disconnect_packet();

// "10 04 00" -> bytes; blanks are skipped.
std::string from_hex(std::string_view hex);
std::string to_hex(std::string_view bytes);

enum class Take : uint8_t { kPacket, kMore, kBroken };
// Takes the first packet off `bytes` from `begin` on and moves `begin` behind it. kBroken: no server may send this.
Take take_packet(std::string_view bytes, size_t& begin, Packet& packet);

}  // namespace penstock::test
