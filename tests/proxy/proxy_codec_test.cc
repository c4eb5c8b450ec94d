#include "proxy/proxy_codec.h"

#include <gtest/gtest.h>

#include "tests/proxy/balancer.h"

namespace penstock::proxy {
namespace {

using core::StreamState;

struct Kept final : core::ByteSink {
  void take(core::Bytes bytes) override { text.append(core::as_text(bytes)); }
  std::string text;
};

const core::Endpoint kClient{"192.0.2.77", 56'324};
const core::Endpoint kServer{"198.51.100.1", 1883};

TEST(proxy_codec, takes_the_header_off_and_lets_the_rest_pass_however_it_is_cut) {
  const std::string large = proxied_v2(kClient, kServer, field(0x30, std::string(4'000, 'n')));
  for (const std::string& header : {proxied_v1(kClient, kServer), proxied_v2(kClient, kServer), large}) {
    const std::string bytes = header + "what the client says";
    for (const size_t piece_bytes : {size_t{1}, size_t{2}, size_t{7}, size_t{100}, SIZE_MAX}) {
      ProxyCodec codec(ProxyVersion::kAny);
      Kept up;
      Kept down;
      for (std::string_view rest = bytes; !rest.empty(); rest.remove_prefix(std::min(piece_bytes, rest.size()))) {
        const bool more = codec.state() == StreamState::kOpening;
        EXPECT_TRUE(more || codec.state() == StreamState::kOpen);
        codec.received(core::as_bytes(rest.substr(0, piece_bytes)), up, down);
      }
      EXPECT_EQ(codec.state(), StreamState::kOpen);
      EXPECT_EQ(up.text, "what the client says") << piece_bytes;
      EXPECT_EQ(to_string(codec.header().source), "192.0.2.77:56324");
      EXPECT_EQ(codec.send(core::as_bytes("answer"), down), StreamState::kOpen);
      codec.finish(down);
      EXPECT_EQ(down.text, "answer");
    }
  }
}

TEST(proxy_codec, says_what_is_wrong_and_gives_nothing_up) {
  ProxyCodec codec(ProxyVersion::kV2);
  Kept up;
  Kept down;
  EXPECT_EQ(codec.received(core::as_bytes("\x10\x0c"), up, down), StreamState::kFailed);
  EXPECT_STREQ(codec.failure().reason, "proxy_no_header");
  EXPECT_NE(codec.failure().detail, "");
  EXPECT_EQ(up.text + down.text, "");
}

TEST(proxy_codec, an_error_may_come_after_a_header_was_cut) {
  ProxyCodec codec(ProxyVersion::kAny);
  Kept up;
  Kept down;
  EXPECT_EQ(codec.received(core::as_bytes("PROXY TCP4 192.0."), up, down), StreamState::kOpening);
  EXPECT_EQ(codec.received(core::as_bytes("2.1 nonsense 1 2\r\nrest"), up, down), StreamState::kFailed);
  EXPECT_STREQ(codec.failure().reason, "proxy_bad_header");
  EXPECT_EQ(up.text, "");
}

}  // namespace
}  // namespace penstock::proxy
