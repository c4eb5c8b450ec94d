// What a peer over WebSocket is sent, frame by frame.
#include <gtest/gtest.h>

#include "broker/listener.h"
#include "tests/broker/served_shard.h"
#include "tests/ws/wire.h"

namespace penstock::broker {
namespace {

class WebSocketFrames : public testing::Test {
 protected:
  WebSocketFrames() : listeners_(Listeners::open({parse_listener("ws://0.0.0.0:8083").value()}).value()) {
    CHECK(broker_.shard->listen({"0.0.0.0", 8083}, listeners_.all()[0].get()).has_value());
    broker_.shard->begin_turn(broker_.world.clock().monotonic_ns());
    peer_ = broker_.network.connect(1);
    broker_.shard->end_turn();
    const std::string answer =
        broker_.say(peer_,
                    "GET /mqtt HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
                    "Sec-WebSocket-Protocol: mqtt\r\n\r\n");
    CHECK(answer.starts_with("HTTP/1.1 101 "));
  }

  std::string say(std::string_view packet) { return broker_.say(peer_, ws::client_frame(ws::kBinaryFrame, packet)); }
  static std::string framed(std::string_view packet) { return ws::server_frame(ws::kBinaryFrame, packet); }

  Listeners listeners_;
  ServedShard broker_;
  core::SocketId peer_{0};
};

// Paho C takes one packet out of a frame, and the next one only when more has come from the network. Given a frame with
// a hundred messages it showed the first, and the others one by one with each that came later.
TEST_F(WebSocketFrames, hold_one_packet_each) {
  EXPECT_EQ(say(test::connect_packet({.client_id = "c"})), framed(test::from_hex("20 02 00 00")));
  say(test::subscribe_packet(1, {{"x", 0}}));
  const core::SocketId publisher = broker_.connect({.client_id = "p"});
  std::string packets;
  std::string frames;
  for (const size_t bytes : {0, 1, 100, 200, 3'000}) {
    const std::string packet = test::publish_packet("x", std::string(bytes, 'x'));
    packets += packet;
    frames += framed(packet);
  }
  broker_.say(publisher, packets);
  EXPECT_EQ(broker_.network.take(peer_), frames);
}

TEST_F(WebSocketFrames, hold_parts_of_a_packet_that_is_large_and_nothing_of_the_next_one) {
  say(test::connect_packet({.client_id = "c"}));
  say(test::subscribe_packet(1, {{"x", 0}}));
  const core::SocketId publisher = broker_.connect({.client_id = "p"});
  const std::string small = test::publish_packet("x", "small");
  broker_.say(publisher, test::publish_packet("x", std::string(60'000, 'x')) + small);
  EXPECT_TRUE(broker_.network.take(peer_).ends_with(framed(small)));
}

}  // namespace
}  // namespace penstock::broker
