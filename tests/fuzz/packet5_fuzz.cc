// Fuzzes the decoding of every packet of 5.0, as a server and as a client sees it. The first byte says which side sent
// the packets that follow. Laws: no read past the packet; a packet that was accepted, encoded again and decoded again
// is the same; whatever is refused has a reason that can be said in an answer.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/check.h"
#include "protocol/acknowledge.h"
#include "protocol/disconnect.h"
#include "protocol/encode.h"
#include "protocol/encode_publish5.h"
#include "protocol/packet_framer.h"
#include "protocol/property.h"
#include "protocol/property_writer.h"
#include "protocol/publish.h"
#include "protocol/stored_properties.h"
#include "protocol/subscribe.h"

namespace penstock::protocol {
namespace {

constexpr auto k5 = ProtocolVersion::kMqtt5;

using Buffer = std::vector<std::byte>;

bool same(core::Bytes a, core::Bytes b) {
  return core::as_text(a) == core::as_text(b);
}

PacketBytes framed(const Buffer& bytes) {
  PacketBytes packet{};
  CHECK(next_packet(bytes, kPacketBytesMax, k5, packet) == Framing::kPacket);
  CHECK_EQ(packet.packet_bytes, bytes.size());
  return packet;
}

void check_error(const ProtocolError& error) {
  CHECK(error.text[0] != '\0');
  const ReasonCode code = reason_code(error.reason);
  CHECK(may_carry(PacketType::kDisconnect, code, Sender::kServer) || may_carry(PacketType::kConnack, code));
}

// The user properties alone, out of a run that may hold others.
Buffer only_user_properties(core::Bytes run) {
  Buffer kept(run.size());
  PropertyWriter writer(kept);
  PropertyReader reader(run);
  for (Property property; reader.next(property);) {
    if (property.id == PropertyId::kUserProperty) writer.wire(property.wire);
  }
  kept.resize(writer.bytes());
  return kept;
}

Buffer encoded_connect(const Connect& decoded) {
  Connect connect = decoded;
  const Buffer user_properties = only_user_properties(decoded.properties.user_properties);
  connect.properties.user_properties = user_properties;
  Buffer scratch(decoded.will ? decoded.will->properties.size() : 0);
  if (connect.will) connect.will->properties = stored_properties(decoded.will->properties, scratch);
  Buffer bytes(connect_bytes(connect));
  CHECK_EQ(encode_connect(bytes, connect), bytes.size());
  return bytes;
}

void check_connect(const PacketBytes& packet) {
  const auto connect = decode_connect(packet);
  if (!connect) {
    check_error(connect.error().error);
    CHECK(connect.error().version != k5 || connect.error().refusal.has_value());
    CHECK(!connect.error().refusal || may_carry(PacketType::kConnack, *connect.error().refusal));
    return;
  }
  if (connect->version != k5) return;
  const ConnectProperties& properties = connect->properties;
  CHECK_GT(properties.receive_maximum, 0);
  CHECK_GT(properties.packet_bytes_max, 0u);
  CHECK_LE(properties.packet_bytes_max, kPacketBytesMax);
  CHECK(!properties.authentication_data || properties.authentication_method);
  const Buffer bytes = encoded_connect(*connect);
  const auto again = decode_connect(framed(bytes));
  CHECK(again.has_value());
  CHECK(again->clean_session == connect->clean_session && again->client_id == connect->client_id);
  CHECK(again->user_name == connect->user_name && again->will.has_value() == connect->will.has_value());
  CHECK_EQ(again->properties.session_expiry_s, properties.session_expiry_s);
  if (connect->will) {
    CHECK_EQ(again->will->delay_s, connect->will->delay_s);
    CHECK(again->will->message_expiry_s == connect->will->message_expiry_s);
    CHECK_EQ(again->will->payload_is_text, connect->will->payload_is_text);
  }
  CHECK(encoded_connect(*again) == bytes);
}

Buffer encoded_connack(Connack connack) {
  const Buffer user_properties = only_user_properties(connack.properties.user_properties);
  connack.properties.user_properties = user_properties;
  Buffer bytes(connack_bytes(connack, k5));
  CHECK_EQ(encode_connack(bytes, connack, k5), bytes.size());
  return bytes;
}

void check_connack(const PacketBytes& packet) {
  const auto connack = decode_connack(packet, k5);
  if (!connack) return check_error(connack.error());
  const Buffer bytes = encoded_connack(*connack);
  const auto again = decode_connack(framed(bytes), k5);
  CHECK(again.has_value() && again->code == connack->code && again->session_present == connack->session_present);
  CHECK(encoded_connack(*again) == bytes);
}

void check_publish(const PacketBytes& packet, Sender sender) {
  const auto publish = decode_publish(packet, {}, k5, sender);
  if (!publish) return check_error(publish.error());
  CHECK(publish->topic.size() != 0 || publish->topic_alias != 0);
  CHECK(publish->topic.size() == 0 || TopicName::parse(publish->topic.text()).has_value());
  CHECK_EQ(publish->packet_id.value() == 0, publish->qos == QoS::kAtMostOnce);
  const auto known = decode_publish(packet, publish->topic, k5, sender);
  CHECK(known.has_value() && known->topic == publish->topic && known->payload.data() == publish->payload.data());
  // With its section as it came it is the same packet.
  PublishHeader5 header{.topic = publish->topic,
                        .properties = publish->properties,
                        .payload_bytes = publish->payload.size(),
                        .packet_id = publish->packet_id,
                        .qos = publish->qos,
                        .dup = publish->dup,
                        .retain = publish->retain};
  Buffer bytes(publish5_bytes(header));
  CHECK_EQ(encode_publish5(bytes, header, publish->payload), bytes.size());
  const PacketBytes again = framed(bytes);
  CHECK(again.flags == packet.flags && same(again.body, packet.body));
  // And delivered.
  Buffer scratch(publish->properties.size());
  header.properties = stored_properties(publish->properties, scratch);
  CHECK(are_stored_properties(header.properties));
  header.message_expiry_s = 5;
  const uint32_t ids[] = {1, 200, kRemainingLengthMax};
  header.subscription_ids = ids;
  header.topic_alias = 1;
  Buffer delivery(publish5_bytes(header));
  CHECK_EQ(encode_publish5(delivery, header, publish->payload), delivery.size());
  const auto received = decode_publish(framed(delivery), {}, k5, Sender::kServer);
  CHECK(received.has_value() && same(received->payload, publish->payload));
  CHECK_EQ(received->message_expiry_s.has_value(), publish->message_expiry_s.has_value());
  CHECK(!received->message_expiry_s || *received->message_expiry_s == 5);
  CHECK_EQ(received->payload_is_text, publish->payload_is_text);
}

void check_subscribe(const PacketBytes& packet) {
  const auto subscribe = decode_subscribe(packet, k5);
  if (!subscribe) return check_error(subscribe.error());
  const std::vector<FilterRequest> requests(subscribe->filters.begin(), subscribe->filters.end());
  CHECK_EQ(requests.size(), subscribe->filters.size());
  for (const FilterRequest& request : requests) {
    CHECK(TopicFilter::parse(request.filter.text()).has_value());
    CHECK_LE(static_cast<int>(request.qos), 2);
    CHECK_LE(static_cast<int>(request.retain_handling), 2);
    CHECK(!request.filter.is_shared() || (!request.no_local && SharedFilter::split(request.filter).has_value()));
  }
  Buffer bytes(subscribe_bytes(requests, k5, subscribe->subscription_id));
  CHECK_EQ(encode_subscribe(bytes, subscribe->packet_id, requests, k5, subscribe->subscription_id), bytes.size());
  const auto again = decode_subscribe(framed(bytes), k5);
  CHECK(again.has_value() && again->packet_id == subscribe->packet_id);
  CHECK_EQ(again->subscription_id, subscribe->subscription_id);
  auto request = requests.begin();
  for (const FilterRequest& one : again->filters) {
    CHECK(one.filter == request->filter && subscription_options(one) == subscription_options(*request));
    ++request;
  }
  CHECK(request == requests.end());
}

void check_unsubscribe(const PacketBytes& packet) {
  const auto unsubscribe = decode_unsubscribe(packet, k5);
  if (!unsubscribe) return check_error(unsubscribe.error());
  const std::vector<TopicFilter> filters(unsubscribe->filters.begin(), unsubscribe->filters.end());
  CHECK_EQ(filters.size(), unsubscribe->filters.size());
  Buffer bytes(unsubscribe_bytes(filters, k5));
  CHECK_EQ(encode_unsubscribe(bytes, unsubscribe->packet_id, filters, k5), bytes.size());
  const auto again = decode_unsubscribe(framed(bytes), k5);
  CHECK(again.has_value());
  CHECK(std::vector<TopicFilter>(again->filters.begin(), again->filters.end()) == filters);
}

void check_codes(const PacketBytes& packet) {
  const bool is_suback = packet.type == PacketType::kSuback;
  const auto decode = is_suback ? decode_suback : decode_unsuback;
  const auto suback = decode(packet, k5);
  if (!suback) return check_error(suback.error());
  std::vector<ReasonCode> codes;
  for (size_t i = 0; i < suback->codes.size(); ++i) codes.push_back(suback->code(i));
  Buffer bytes(is_suback ? suback_bytes(codes.size(), k5, suback->reason_string)
                         : unsuback_bytes(codes.size(), k5, suback->reason_string));
  const auto encode = is_suback ? encode_suback : encode_unsuback;
  CHECK_EQ(encode(bytes, suback->packet_id, codes, k5, suback->reason_string), bytes.size());
  const auto again = decode(framed(bytes), k5);
  CHECK(again.has_value() && again->packet_id == suback->packet_id);
  CHECK(same(again->codes, suback->codes) && again->reason_string == suback->reason_string);
}

void check_acknowledge(const PacketBytes& packet) {
  const auto acknowledge = decode_acknowledge(packet, k5);
  if (!acknowledge) return check_error(acknowledge.error());
  CHECK_NE(acknowledge->packet_id.value(), 0);
  Buffer bytes(acknowledge_bytes(acknowledge->reason, "why"));
  CHECK_EQ(encode_acknowledge(bytes, packet.type, acknowledge->packet_id, acknowledge->reason, "why"), bytes.size());
  const auto again = decode_acknowledge(framed(bytes), k5);
  CHECK(again.has_value() && again->packet_id == acknowledge->packet_id && again->reason == acknowledge->reason);
}

Buffer encoded_disconnect(Disconnect disconnect, Sender sender) {
  const Buffer user_properties = only_user_properties(disconnect.user_properties);
  disconnect.user_properties = user_properties;
  Buffer bytes(disconnect_bytes(disconnect));
  CHECK_EQ(encode_disconnect(bytes, disconnect, sender), bytes.size());
  return bytes;
}

void check_disconnect(const PacketBytes& packet, Sender sender) {
  const auto disconnect = decode_disconnect(packet, k5, sender);
  if (!disconnect) return check_error(disconnect.error());
  const Buffer bytes = encoded_disconnect(*disconnect, sender);
  const auto again = decode_disconnect(framed(bytes), k5, sender);
  CHECK(again.has_value() && again->reason == disconnect->reason);
  CHECK(again->session_expiry_s == disconnect->session_expiry_s);
  CHECK(encoded_disconnect(*again, sender) == bytes);
}

Buffer encoded_auth(Auth auth, Sender sender) {
  const Buffer user_properties = only_user_properties(auth.user_properties);
  auth.user_properties = user_properties;
  Buffer bytes(auth_bytes(auth));
  CHECK_EQ(encode_auth(bytes, auth, sender), bytes.size());
  return bytes;
}

void check_auth(const PacketBytes& packet, Sender sender) {
  const auto auth = decode_auth(packet, sender);
  if (!auth) return check_error(auth.error());
  const Buffer bytes = encoded_auth(*auth, sender);
  const auto again = decode_auth(framed(bytes), sender);
  CHECK(again.has_value() && again->reason == auth->reason && again->method == auth->method);
  CHECK(encoded_auth(*again, sender) == bytes);
}

void check_packet(const PacketBytes& packet, Sender sender) {
  switch (packet.type) {
    case PacketType::kConnect:
      return check_connect(packet);
    case PacketType::kConnack:
      return check_connack(packet);
    case PacketType::kPublish:
      return check_publish(packet, sender);
    case PacketType::kSubscribe:
      return check_subscribe(packet);
    case PacketType::kUnsubscribe:
      return check_unsubscribe(packet);
    case PacketType::kSuback:
    case PacketType::kUnsuback:
      return check_codes(packet);
    case PacketType::kPuback:
    case PacketType::kPubrec:
    case PacketType::kPubrel:
    case PacketType::kPubcomp:
      return check_acknowledge(packet);
    case PacketType::kDisconnect:
      return check_disconnect(packet, sender);
    case PacketType::kAuth:
      return check_auth(packet, sender);
    case PacketType::kPingreq:
    case PacketType::kPingresp:
      return;
  }
}

}  // namespace
}  // namespace penstock::protocol

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace penstock::protocol;
  if (size < 1) return 0;
  const Sender sender = (data[0] & 1) != 0 ? Sender::kServer : Sender::kClient;
  Buffer rest(reinterpret_cast<const std::byte*>(data) + 1, reinterpret_cast<const std::byte*>(data) + size);
  for (;;) {
    PacketBytes packet{};
    if (next_packet(rest, kPacketBytesMax, k5, packet) != Framing::kPacket) return 0;
    // A copy of exactly this packet, so that the sanitizer sees a read past its end.
    const Buffer exact(rest.begin(), rest.begin() + packet.packet_bytes);
    check_packet(framed(exact), sender);
    rest.erase(rest.begin(), rest.begin() + packet.packet_bytes);
  }
}
