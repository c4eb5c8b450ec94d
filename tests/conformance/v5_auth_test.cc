// Enhanced authentication of MQTT 5.0, chapters 3.15 and 4.12, as far as a server without a method can be held to it.
#include <gtest/gtest.h>

#include "tests/support/broker_suite.h"
#include "tests/support/reason_codes.h"

namespace penstock::test {
namespace {

using enum PropertyId;

BROKER_SUITE_V5(V5Auth);

TEST_P(V5Auth, with_a_method_that_the_server_does_not_have_is_refused) {
  for (const Properties& properties :
       {Properties{{kAuthMethod, "no such method"}},
        Properties{{kAuthMethod, "no such method"}, {kAuthBytes, std::string_view("\0\1\2", 3)}}}) {
    TestClient client = silent();
    const Packet connack = client.connect({.client_id = id("a"), .properties = properties});
    EXPECT_EQ(connack.reason_code, reason::kBadAuthMethod);  // [MQTT5-4.12.0-1] [MQTT5-3.1.4-2] [MQTT5-4.12.0-4]
    EXPECT_FALSE(connack.session_present);                   // [MQTT5-3.2.2-6]
    client.expect_closed();                                  // [MQTT5-3.2.2-7]
  }
}

TEST_P(V5Auth, that_is_refused_ends_no_session_of_that_client) {
  TestClient first = client("a");
  TestClient second = silent();
  second.connect({.client_id = id("a"), .properties = {{kAuthMethod, "no such method"}}});
  second.expect_closed();
  first.expect_quiet();
}

TEST_P(V5Auth, without_a_method_in_connect_is_a_protocol_error) {
  const Properties method = {{kAuthMethod, "some method"}};
  // [MQTT5-4.12.0-7]
  for (const std::string& auth :
       {from_hex("f0 00"), auth_packet(reason::kSuccess, method), auth_packet(reason::kContinueAuthentication, method),
        auth_packet(reason::kReauthenticate, method)}) {
    TestClient client = this->client("a");
    client.send(auth);
    client.expect_disconnect(reason::kProtocolError);
  }
}

TEST_P(V5Auth, is_not_begun_by_the_server) {
  // [MQTT5-4.12.0-6]: neither AUTH nor a method in CONNACK; the client checks it, with and without a password.
  client(ConnectOptions{.client_id = id("a")}).expect_quiet();
  client(ConnectOptions{.client_id = id("b"), .user_name = "someone", .password = "secret"}).expect_quiet();
}

TEST_P(V5Auth, bytes_without_a_method_are_refused) {
  TestClient client = silent();
  client.send(connect_packet({.client_id = id("a"), .properties = {{kAuthBytes, "bytes"}}}));
  // 3.1.2.11.10: a protocol error. The server may say so.
  for (const Packet& packet : client.drain_until_closed()) {
    EXPECT_EQ(packet.type, Type::kConnack);
    EXPECT_EQ(packet.reason_code, reason::kProtocolError);
  }
}

}  // namespace
}  // namespace penstock::test
