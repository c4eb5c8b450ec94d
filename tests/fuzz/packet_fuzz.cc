// Fuzzes the decoding of every packet of 3.1 and 3.1.1, as a server and as a client sees it. Laws: no read past the
// packet; a packet that was accepted, encoded again and decoded again is the same; an accepted field keeps the rules of
// its type.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/check.h"
#include "protocol/acknowledge.h"
#include "protocol/connect.h"
#include "protocol/empty_packet.h"
#include "protocol/encode.h"
#include "protocol/packet_framer.h"
#include "protocol/publish.h"
#include "protocol/subscribe.h"

namespace penstock::protocol {
namespace {

using Buffer = std::vector<std::byte>;

bool same(core::Bytes a, core::Bytes b) {
  return core::as_text(a) == core::as_text(b);
}

PacketBytes framed(const Buffer& bytes, ProtocolVersion version) {
  PacketBytes packet{};
  CHECK(next_packet(bytes, kPacketBytesMax, version, packet) == Framing::kPacket);
  CHECK_EQ(packet.packet_bytes, bytes.size());
  return packet;
}

void check_connect(const PacketBytes& packet) {
  const auto connect = decode_connect(packet);
  if (!connect) {
    CHECK(connect.error().error.text[0] != '\0');
    return;
  }
  if (connect->version == ProtocolVersion::kMqtt5) return;  // packet5_fuzz.cc
  CHECK(!connect->password || connect->user_name);
  Buffer bytes(connect_bytes(*connect));
  CHECK_EQ(encode_connect(bytes, *connect), bytes.size());
  const auto again = decode_connect(framed(bytes, ProtocolVersion::kMqtt311));
  CHECK(again.has_value());
  CHECK(again->version == connect->version && again->clean_session == connect->clean_session);
  CHECK(again->client_id == connect->client_id && again->keepalive_s == connect->keepalive_s);
  CHECK(again->will.has_value() == connect->will.has_value() && again->user_name == connect->user_name);
  if (connect->will) {
    CHECK(TopicName::parse(connect->will->topic.text()).has_value());
    CHECK(again->will->topic == connect->will->topic && same(again->will->payload, connect->will->payload));
    CHECK(again->will->qos == connect->will->qos && again->will->retain == connect->will->retain);
  }
  CHECK(again->password.has_value() == connect->password.has_value());
  CHECK(!connect->password || same(*again->password, *connect->password));
}

void check_publish(const PacketBytes& packet) {
  const auto publish = decode_publish(packet);
  if (!publish) return;
  CHECK(TopicName::parse(publish->topic.text()).has_value());
  CHECK_EQ(core::as_bytes(publish->topic.text()).data(), packet.body.data() + 2);
  const auto known = decode_publish(packet, publish->topic);
  CHECK(known.has_value() && known->topic == publish->topic && known->payload.data() == publish->payload.data());
  CHECK_EQ(publish->packet_id.value() == 0, publish->qos == QoS::kAtMostOnce);
  const PublishHeader header{publish->topic, publish->payload.size(), publish->packet_id, publish->qos,
                             publish->dup,   publish->retain};
  Buffer bytes(publish_bytes(publish->topic.size(), publish->qos, publish->payload.size()));
  CHECK_EQ(encode_publish(bytes, header, publish->payload), bytes.size());
  const PacketBytes again = framed(bytes, ProtocolVersion::kMqtt311);
  CHECK(again.flags == packet.flags && same(again.body, packet.body));
}

template <typename Entry>
void check_filters(const FilterList<Entry>& filters, core::Bytes body) {
  uint32_t count = 0;
  size_t bytes = 2;
  for (const Entry& entry : filters) {
    TopicFilter filter;
    if constexpr (std::is_same_v<Entry, FilterRequest>) {
      filter = entry.filter;
      CHECK_LE(static_cast<int>(entry.qos), 2);
      ++bytes;
    } else {
      filter = entry;
    }
    CHECK(TopicFilter::parse(filter.text()).has_value());
    bytes += 2 + filter.size();
    ++count;
  }
  CHECK_EQ(count, filters.size());
  CHECK_GT(count, 0u);
  CHECK_EQ(bytes, body.size());
}

void check_subscribe(const PacketBytes& packet) {
  const auto subscribe = decode_subscribe(packet);
  if (!subscribe) return;
  check_filters(subscribe->filters, packet.body);
  const std::vector<FilterRequest> requests(subscribe->filters.begin(), subscribe->filters.end());
  Buffer bytes(subscribe_bytes(requests));
  CHECK_EQ(encode_subscribe(bytes, subscribe->packet_id, requests), bytes.size());
  CHECK(same(framed(bytes, ProtocolVersion::kMqtt311).body, packet.body));
}

void check_unsubscribe(const PacketBytes& packet) {
  const auto unsubscribe = decode_unsubscribe(packet);
  if (!unsubscribe) return;
  check_filters(unsubscribe->filters, packet.body);
  const std::vector<TopicFilter> filters(unsubscribe->filters.begin(), unsubscribe->filters.end());
  Buffer bytes(unsubscribe_bytes(filters));
  CHECK_EQ(encode_unsubscribe(bytes, unsubscribe->packet_id, filters), bytes.size());
  CHECK(same(framed(bytes, ProtocolVersion::kMqtt311).body, packet.body));
}

void check_suback(const PacketBytes& packet) {
  const auto suback = decode_suback(packet);
  if (!suback) return;
  std::vector<ReasonCode> codes;
  for (size_t i = 0; i < suback->codes.size(); ++i) codes.push_back(suback->code(i));
  Buffer bytes(suback_bytes(codes.size()));
  CHECK_EQ(encode_suback(bytes, suback->packet_id, codes), bytes.size());
  CHECK(same(framed(bytes, ProtocolVersion::kMqtt311).body, packet.body));
}

void check_connack(const PacketBytes& packet) {
  const auto connack = decode_connack(packet);
  if (!connack) return;
  Buffer bytes(kConnackBytes);
  CHECK_EQ(encode_connack(bytes, *connack), bytes.size());
  CHECK(same(framed(bytes, ProtocolVersion::kMqtt311).body, packet.body));
}

void check_acknowledge(const PacketBytes& packet) {
  const auto acknowledge = decode_acknowledge(packet);
  if (!acknowledge) return;
  CHECK_NE(acknowledge->packet_id.value(), 0);
  Buffer bytes(kAcknowledgeBytes);
  CHECK_EQ(encode_acknowledge(bytes, packet.type, acknowledge->packet_id), bytes.size());
  const PacketBytes again = framed(bytes, ProtocolVersion::kMqtt311);
  CHECK(again.type == packet.type && same(again.body, packet.body));
}

void check_packet(const PacketBytes& packet) {
  switch (packet.type) {
    case PacketType::kConnect:
      return check_connect(packet);
    case PacketType::kConnack:
      return check_connack(packet);
    case PacketType::kPublish:
      return check_publish(packet);
    case PacketType::kSubscribe:
      return check_subscribe(packet);
    case PacketType::kSuback:
      return check_suback(packet);
    case PacketType::kUnsubscribe:
      return check_unsubscribe(packet);
    case PacketType::kPuback:
    case PacketType::kPubrec:
    case PacketType::kPubrel:
    case PacketType::kPubcomp:
    case PacketType::kUnsuback:
      return check_acknowledge(packet);
    case PacketType::kPingreq:
    case PacketType::kPingresp:
    case PacketType::kDisconnect:
      CHECK_EQ(decode_empty(packet).has_value(), packet.body.empty());
      return;
    case PacketType::kAuth:
      CHECK(false);  // the framer lets none pass
  }
}

}  // namespace
}  // namespace penstock::protocol

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace penstock::protocol;
  Buffer rest(reinterpret_cast<const std::byte*>(data), reinterpret_cast<const std::byte*>(data) + size);
  for (;;) {
    PacketBytes packet{};
    if (next_packet(rest, kPacketBytesMax, ProtocolVersion::kMqtt31, packet) != Framing::kPacket) return 0;
    // A copy of exactly this packet, so that the sanitizer sees a read past its end.
    const Buffer exact(rest.begin(), rest.begin() + packet.packet_bytes);
    check_packet(framed(exact, ProtocolVersion::kMqtt31));
    rest.erase(rest.begin(), rest.begin() + packet.packet_bytes);
  }
}
