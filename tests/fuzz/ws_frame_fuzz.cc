// Fuzzes WebSocket frames, as a server and as a client get them. Laws: however the bytes are cut, the same goes up, the
// same goes down and the end is the same; what goes up is never more than came, and what goes down is little more; a
// header that was decoded encodes to the same bytes; what one side sends comes up on the other.
#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/check.h"
#include "core/random.h"
#include "ws/close_code.h"
#include "ws/frame.h"
#include "ws/frame_stream.h"

namespace penstock::ws {
namespace {

using core::Bytes;
using core::StreamState;

struct Kept final : core::ByteSink {
  void take(Bytes bytes) override { text.append(core::as_text(bytes)); }
  std::string text;
};

struct Rules {
  bool is_client;
  uint64_t frame_bytes_max;
  uint64_t seed;
};

struct Ending {
  StreamState state;
  std::string up;
  std::string down;
  std::string reason;

  bool operator==(const Ending&) const = default;
};

// Feeds `input` in pieces of random size up to `piece_bytes_max`.
Ending run(Bytes input, Rules rules, size_t piece_bytes_max) {
  core::SeededRandom cuts(rules.seed);
  core::SeededRandom masks(1);
  FrameStream stream(rules.frame_bytes_max, rules.is_client ? &masks : nullptr);
  Kept up;
  Kept down;
  while (!input.empty() && stream.state() == StreamState::kOpen) {
    const size_t size = std::min<size_t>(input.size(), 1 + cuts.below(piece_bytes_max));
    // A copy of exactly this size, so that the sanitizer sees a read past the end.
    const std::vector<std::byte> piece(input.begin(), input.begin() + static_cast<ptrdiff_t>(size));
    const StreamState state = stream.received(piece, up, down);
    CHECK(state == stream.state());
    input = input.subspan(size);
  }
  return {stream.state(), up.text, down.text, stream.state() == StreamState::kFailed ? stream.failure().reason : ""};
}

void check_header(Bytes input) {
  DecodedFrame frame;
  const size_t size = std::min(input.size(), kFrameHeaderBytesMax);
  const std::vector<std::byte> exact(input.begin(), input.begin() + static_cast<ptrdiff_t>(size));
  const FrameDecoding decoding = decode_frame_header(exact, frame);
  if (decoding == FrameDecoding::kNeedMore) CHECK_LT(input.size(), kFrameHeaderBytesMax);
  if (decoding == FrameDecoding::kError)
    CHECK(frame.error->reason[0] != '\0' && is_close_code(frame.error->close_code));
  if (decoding != FrameDecoding::kHeader) return;
  std::byte again[kFrameHeaderBytesMax];
  CHECK_EQ(encode_frame_header(frame.header, again), frame.header_bytes);
  CHECK(std::equal(again, again + frame.header_bytes, exact.begin()));
}

void check_mask(Bytes input, uint32_t mask) {
  std::vector<std::byte> to(input.begin(), input.end());
  const uint32_t next = mask_copy(to.data(), to, mask);
  CHECK_EQ(next, std::rotr(mask, static_cast<int>(8 * (input.size() % 4))));
  for (size_t i = 0; i < to.size(); ++i) CHECK((to[i] ^ input[i]) == static_cast<std::byte>(mask >> (8 * (i % 4))));
}

void check_round_trip(Bytes input, bool from_client) {
  core::SeededRandom masks(input.size());
  FrameStream sender(0, from_client ? &masks : nullptr);
  FrameStream receiver(input.size(), from_client ? nullptr : &masks);
  Kept wire;
  Kept up;
  Kept back;
  sender.send(input, wire);
  sender.finish(wire);
  CHECK(receiver.received(core::as_bytes(wire.text), up, back) == StreamState::kEnded);
  CHECK(up.text == core::as_text(input));
  CHECK(sender.received(core::as_bytes(back.text), up, wire) == StreamState::kEnded);
}

}  // namespace
}  // namespace penstock::ws

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace penstock::ws;
  if (size < 1) return 0;
  const Rules rules{(data[0] & 1) != 0, (data[0] & 2) != 0 ? uint64_t{100} : uint64_t{1} << 62, data[0]};
  const penstock::core::Bytes input(reinterpret_cast<const std::byte*>(data + 1), size - 1);
  const Ending whole = run(input, rules, SIZE_MAX / 2);
  CHECK(run(input, rules, 1) == whole);
  CHECK(run(input, rules, 40) == whole);
  CHECK_LE(whole.up.size(), input.size());
  // A client's pong has a mask more than the ping. A close frame comes once.
  CHECK_LE(whole.down.size(), 3 * input.size() + 2 + 4 + kControlPayloadBytesMax);
  CHECK((whole.state == StreamState::kFailed) == !whole.reason.empty());
  check_header(input);
  check_mask(input, static_cast<uint32_t>(size * 0x9e3779b9));
  check_round_trip(input, rules.is_client);
  return 0;
}
