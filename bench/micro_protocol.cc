// What the protocol costs per message: framing and decoding a 64-byte PUBLISH out of a receive buffer that holds many
// of them, and encoding one. Run: penstock-micro --benchmark_filter=protocol
#include <benchmark/benchmark.h>

#include <cstring>
#include <string>
#include <vector>

#include "protocol/acknowledge.h"
#include "protocol/encode.h"
#include "protocol/encode_publish5.h"
#include "protocol/packet_framer.h"
#include "protocol/publish.h"
#include "protocol/topic_filter.h"
#include "protocol/topic_hash.h"

namespace penstock::protocol {
namespace {

constexpr char kTopic[] = "bench/pair/000017/t";
constexpr uint32_t kPacketMax = 1 << 20;

PublishHeader header_of(QoS qos) {
  return {.topic = TopicName::accepted(kTopic), .payload_bytes = 64, .packet_id = PacketId(7), .qos = qos};
}

// 64 KiB of PUBLISH packets with 64 bytes of payload, whole ones only.
std::vector<std::byte> receive_buffer(QoS qos, size_t payload_bytes) {
  const std::vector<std::byte> payload(payload_bytes, std::byte{'x'});
  std::vector<std::byte> buffer(64 << 10);
  size_t used = 0;
  const size_t bytes = publish_bytes(std::strlen(kTopic), qos, payload_bytes);
  while (used + bytes <= buffer.size()) {
    used += encode_publish(core::MutableBytes(buffer).subspan(used), header_of(qos), payload);
  }
  buffer.resize(used);
  return buffer;
}

// The same in 5.0.
std::vector<std::byte> receive_buffer5(QoS qos, size_t payload_bytes, core::Bytes properties) {
  const std::vector<std::byte> payload(payload_bytes, std::byte{'x'});
  std::vector<std::byte> buffer(64 << 10);
  size_t used = 0;
  const PublishHeader5 header{.topic = TopicName::accepted(kTopic),
                              .properties = properties,
                              .payload_bytes = payload_bytes,
                              .packet_id = PacketId(7),
                              .qos = qos};
  const size_t bytes = publish5_bytes(header);
  while (used + bytes <= buffer.size()) {
    used += encode_publish5(core::MutableBytes(buffer).subspan(used), header, payload);
  }
  buffer.resize(used);
  return buffer;
}

// `known`: as in the broker, which has the topic of the message before.
void frame_and_decode(benchmark::State& state, const std::vector<std::byte>& buffer, ProtocolVersion version,
                      TopicName known) {
  benchmark::DoNotOptimize(version);  // in the broker it is a connection's
  int64_t messages = 0;
  for (auto _ : state) {
    core::Bytes rest = buffer;
    PacketBytes packet;
    while (next_packet(rest, kPacketMax, version, packet) == Framing::kPacket) {
      const auto publish = decode_publish(packet, known, version);
      if (!publish.has_value()) state.SkipWithError("a good packet was refused");
      benchmark::DoNotOptimize(publish->payload.data());
      benchmark::DoNotOptimize(publish->topic.text().data());
      benchmark::DoNotOptimize(publish->packet_id.value());
      rest = rest.subspan(packet.packet_bytes);
      ++messages;
    }
  }
  state.SetItemsProcessed(messages);
}

void protocol_frame_and_decode_publish(benchmark::State& state) {
  frame_and_decode(state, receive_buffer(static_cast<QoS>(state.range(0)), 64), ProtocolVersion::kMqtt311, {});
}
BENCHMARK(protocol_frame_and_decode_publish)->Arg(0)->Arg(1);

void protocol_frame_and_decode_known_publish(benchmark::State& state) {
  frame_and_decode(state, receive_buffer(static_cast<QoS>(state.range(0)), 64), ProtocolVersion::kMqtt311,
                   TopicName::accepted(kTopic));
}
BENCHMARK(protocol_frame_and_decode_known_publish)->Arg(0)->Arg(1);

void protocol_frame_and_decode_publish5(benchmark::State& state) {
  frame_and_decode(state, receive_buffer5(static_cast<QoS>(state.range(0)), 64, {}), ProtocolVersion::kMqtt5, {});
}
BENCHMARK(protocol_frame_and_decode_publish5)->Arg(0)->Arg(1);

// Expiry, content type and one user property.
constexpr char kProperties[] = "\x02\0\0\0\x3c\x03\0\x0atext/plain\x26\0\4unit\0\7celsius";

void protocol_frame_and_decode_publish5_with_properties(benchmark::State& state) {
  const core::Bytes properties = core::as_bytes({kProperties, sizeof kProperties - 1});
  frame_and_decode(state, receive_buffer5(static_cast<QoS>(state.range(0)), 64, properties), ProtocolVersion::kMqtt5,
                   {});
}
BENCHMARK(protocol_frame_and_decode_publish5_with_properties)->Arg(0)->Arg(1);

void protocol_frame_and_decode_puback(benchmark::State& state) {
  std::vector<std::byte> buffer(kAcknowledgeBytes * 1024);
  for (size_t at = 0; at < buffer.size(); at += kAcknowledgeBytes) {
    encode_acknowledge(core::MutableBytes(buffer).subspan(at), PacketType::kPuback, PacketId(7));
  }
  for (auto _ : state) {
    core::Bytes rest = buffer;
    PacketBytes packet;
    while (next_packet(rest, kPacketMax, ProtocolVersion::kMqtt311, packet) == Framing::kPacket) {
      const auto acknowledge = decode_acknowledge(packet);
      benchmark::DoNotOptimize(acknowledge->packet_id.value());
      rest = rest.subspan(packet.packet_bytes);
    }
  }
  state.SetItemsProcessed(state.iterations() * 1024);
}
BENCHMARK(protocol_frame_and_decode_puback);

void protocol_encode_publish(benchmark::State& state) {
  const auto qos = static_cast<QoS>(state.range(0));
  const std::vector<std::byte> payload(64, std::byte{'x'});
  std::vector<std::byte> buffer(64 << 10);
  std::string topic = kTopic;
  const size_t bytes = publish_bytes(topic.size(), qos, payload.size());
  size_t used = 0;
  for (auto _ : state) {
    if (used + bytes > buffer.size()) used = 0;
    benchmark::DoNotOptimize(topic.data());
    PublishHeader header = header_of(qos);
    header.topic = TopicName::accepted(topic);
    used += encode_publish(core::MutableBytes(buffer).subspan(used), header, payload);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(protocol_encode_publish)->Arg(0)->Arg(1);

void protocol_encode_publish5(benchmark::State& state) {
  const auto qos = static_cast<QoS>(state.range(0));
  const std::vector<std::byte> payload(64, std::byte{'x'});
  std::vector<std::byte> buffer(64 << 10);
  std::string topic = kTopic;
  const core::Bytes properties =
      state.range(1) != 0 ? core::as_bytes({kProperties, sizeof kProperties - 1}) : core::Bytes();
  PublishHeader5 header{.properties = properties,
                        .message_expiry_s = 59,
                        .payload_bytes = payload.size(),
                        .packet_id = PacketId(7),
                        .qos = qos};
  size_t used = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(topic.data());
    header.topic = TopicName::accepted(topic);
    if (used + publish5_bytes(header) > buffer.size()) used = 0;
    used += encode_publish5(core::MutableBytes(buffer).subspan(used), header, payload);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(protocol_encode_publish5)->ArgsProduct({{0, 1}, {0, 1}});

void protocol_parse_topic_name(benchmark::State& state) {
  std::string topic(static_cast<size_t>(state.range(0)), 't');
  for (auto _ : state) {
    benchmark::DoNotOptimize(topic.data());
    benchmark::DoNotOptimize(TopicName::parse(topic).has_value());
  }
}
BENCHMARK(protocol_parse_topic_name)->Arg(5)->Arg(20)->Arg(100);

void protocol_match_filter(benchmark::State& state) {
  const TopicFilter filter = TopicFilter::accepted("sensors/+/temperature/#");
  const TopicName name = TopicName::accepted("sensors/kitchen/temperature/celsius");
  for (auto _ : state) benchmark::DoNotOptimize(matches(filter, name));
}
BENCHMARK(protocol_match_filter);

void protocol_hash_topic(benchmark::State& state) {
  std::string topic = kTopic;
  for (auto _ : state) {
    benchmark::DoNotOptimize(topic.data());
    benchmark::DoNotOptimize(topic_hash(TopicName::accepted(topic)));
  }
}
BENCHMARK(protocol_hash_topic);

}  // namespace
}  // namespace penstock::protocol
