// Clients that a server cannot serve, and the label that each gets.
#include <gtest/gtest.h>

#include <string>

#include "tests/tls/tls_pair.h"

namespace penstock::tls {
namespace {

using core::StreamState;

class RefusalTest : public testing::Test {
 protected:
  // What the server says when the first bytes are these; what it sends goes to `down`.
  std::string reason_for(std::string_view first_bytes) {
    ServerCodec codec(server_with(settings));
    down.text.clear();
    codec.received(core::as_bytes(first_bytes), up, down);
    if (codec.state() != StreamState::kFailed) return "none";
    detail = codec.failure().detail;
    return codec.failure().reason;
  }
  // What the server says of such a client; client_reason is what that says.
  std::string reason_for(const ClientSettings& client_settings) {
    TlsPair pair(server_with(settings), client_with(client_settings));
    pair.run();
    client_reason = pair.client.state() == StreamState::kFailed ? pair.client.failure().reason : "none";
    if (pair.server.state() != StreamState::kFailed) return "none";
    detail = pair.server.failure().detail;
    protocol = pair.server.application_protocol();
    return pair.server.failure().reason;
  }

  TlsFiles files;
  ServerSettings settings = files.server_settings();
  TextSink up, down;
  std::string detail, client_reason, protocol;
};

TEST_F(RefusalTest, plain_mqtt_is_not_tls) {
  EXPECT_EQ(reason_for(std::string_view("\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04test", 18)), "tls_not_tls");
  EXPECT_NE(detail.find("MQTT"), std::string::npos);
  EXPECT_EQ(down.text, "");
  EXPECT_EQ(reason_for("\x10"), "tls_not_tls");
}

TEST_F(RefusalTest, plain_http_and_a_proxy_header_are_not_tls) {
  EXPECT_EQ(reason_for("GET /mqtt HTTP/1.1\r\nAuthorization: Basic eA==\r\n"), "tls_not_tls");
  EXPECT_NE(detail.find("HTTP"), std::string::npos);
  EXPECT_EQ(detail.find("eA=="), std::string::npos);
  EXPECT_EQ(reason_for("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"), "tls_not_tls");
  EXPECT_NE(detail.find("PROXY"), std::string::npos);
  EXPECT_EQ(reason_for("\r\n\r\n"), "tls_not_tls");
  EXPECT_NE(detail.find("PROXY"), std::string::npos);
  EXPECT_EQ(up.text, "");
}

TEST_F(RefusalTest, the_detail_is_printable_whatever_came) {
  EXPECT_EQ(reason_for("\x01\n\xff\x1b[2J"), "tls_not_tls");
  for (const char c : detail) EXPECT_TRUE(c >= 0x20 && c < 0x7f) << static_cast<int>(c);
}

TEST_F(RefusalTest, a_record_of_no_tls_version_is_not_tls) {
  EXPECT_EQ(reason_for("\x16garbage that goes on"), "tls_not_tls");
}

TEST_F(RefusalTest, a_version_that_is_too_old_is_refused) {
  settings.version_min = TlsVersion::kTls13;
  ClientSettings client = files.client_settings();
  client.version_max = TlsVersion::kTls12;
  EXPECT_EQ(reason_for(client), "tls_protocol_version");
  EXPECT_EQ(client_reason, "tls_refused_by_peer");
}

TEST_F(RefusalTest, a_client_that_cannot_verify_the_only_certificate_shares_no_cipher) {
  ClientSettings client = files.client_settings();
  client.accepts = ClientSettings::Accepts::kRsa;
  EXPECT_EQ(reason_for(client), "tls_no_shared_cipher");
  client.version_max = TlsVersion::kTls12;
  EXPECT_EQ(reason_for(client), "tls_no_shared_cipher");
}

TEST_F(RefusalTest, a_client_that_does_not_trust_the_server_is_told_from_one_that_is_not_trusted) {
  const test::TestAuthority stranger("A stranger");
  test::write_text(files.path("stranger.pem"), stranger.pem());
  ClientSettings client = files.client_settings();
  client.trust.ca_files = {files.path("stranger.pem")};
  EXPECT_EQ(reason_for(client), "tls_refused_by_peer");
  EXPECT_NE(detail.find("unknown CA"), std::string::npos) << detail;
  EXPECT_EQ(client_reason, "tls_unknown_ca");
  client.version_max = TlsVersion::kTls12;
  EXPECT_EQ(reason_for(client), "tls_refused_by_peer");
}

TEST_F(RefusalTest, a_client_checks_the_name_of_the_server) {
  ClientSettings client = files.client_settings();
  client.server_name = "other.example";
  EXPECT_EQ(reason_for(client), "tls_refused_by_peer");
  EXPECT_EQ(client_reason, "tls_bad_certificate");
  client.insecure = true;
  EXPECT_EQ(reason_for(client), "none");
}

TEST_F(RefusalTest, mqtt_is_chosen_where_it_is_among_what_a_client_offers) {
  ClientSettings client = files.client_settings();
  client.application_protocols = {"x-amzn-mqtt-ca", "mqtt"};
  TlsPair pair(server_with(settings), client_with(client));
  pair.run();
  EXPECT_EQ(pair.server.application_protocol(), "mqtt");
  EXPECT_EQ(pair.client.application_protocol(), "mqtt");
}

TEST_F(RefusalTest, a_client_that_offers_only_other_protocols_is_refused) {
  ClientSettings client = files.client_settings();
  client.application_protocols = {"h2", "http/1.1"};
  for (const TlsVersion version : {TlsVersion::kTls12, TlsVersion::kTls13}) {
    client.version_min = client.version_max = version;
    EXPECT_EQ(reason_for(client), "tls_no_application_protocol");
    EXPECT_EQ(detail, "the client offers h2, http/1.1 and not mqtt");
    EXPECT_EQ(client_reason, "tls_refused_by_peer");
  }
  client.application_protocols = {"mqttx", "mqt", "MQTT"};
  EXPECT_EQ(reason_for(client), "tls_no_application_protocol");
}

TEST_F(RefusalTest, a_listener_of_websocket_speaks_http_and_not_mqtt) {
  settings.protocol = UpperProtocol::kHttp;
  ClientSettings client = files.client_settings();
  client.application_protocols = {"h2", "http/1.1"};
  TlsPair pair(server_with(settings), client_with(client));
  pair.run();
  EXPECT_EQ(pair.server.application_protocol(), "http/1.1");
  client.application_protocols = {"mqtt"};
  EXPECT_EQ(reason_for(client), "tls_no_application_protocol");
  client.application_protocols = {};
  EXPECT_EQ(reason_for(client), "none");
}

TEST_F(RefusalTest, a_goodbye_before_the_handshake_is_done_is_an_early_end) {
  // An alert record: warning, close_notify.
  EXPECT_EQ(reason_for(std::string_view("\x15\x03\x03\x00\x02\x01\x00", 7)), "tls_closed_early");
}

TEST_F(RefusalTest, alerts_that_mean_nothing_are_not_taken_for_ever) {
  const std::string warning("\x15\x03\x03\x00\x02\x01\x5a", 7);  // user_canceled
  ServerCodec codec(server_with(settings));
  for (int i = 0; i < 100 && codec.state() == StreamState::kOpening; ++i) {
    codec.received(core::as_bytes(warning), up, down);
  }
  EXPECT_EQ(codec.state(), StreamState::kFailed);
}

TEST_F(RefusalTest, key_updates_without_data_are_not_taken_for_ever) {
  TlsPair pair(server_with(settings), client_with(files.client_settings()));
  pair.run();
  ASSERT_STREQ(pair.server.version(), "TLSv1.3");
  for (int i = 0; i < 20; ++i) pair.client.update_keys(true, pair.to_server);
  pair.run();
  ASSERT_EQ(pair.server.state(), StreamState::kOpen);
  pair.client.send(core::as_bytes("data"), pair.to_server);
  pair.run();
  // However many were asked for, one answer goes out, with what is sent next.
  pair.server.send(core::as_bytes("answer"), pair.to_client);
  EXPECT_LT(pair.to_client.text.size(), 200u);
  pair.run();
  EXPECT_EQ(pair.server_up.text, "data");
  EXPECT_EQ(pair.client_up.text, "answer");

  for (int i = 0; i < 100; ++i) pair.client.update_keys(false, pair.to_server);
  pair.run();
  EXPECT_EQ(pair.server.state(), StreamState::kFailed);
  EXPECT_EQ(pair.server.failure().detail, "too many key updates");
}

TEST_F(RefusalTest, a_server_takes_new_keys_after_so_many_records) {
  settings.records_per_key_max = 5;
  TlsPair pair(server_with(settings), client_with(files.client_settings()));
  pair.run();
  std::string sent;
  size_t longer = 0, usual = 0;
  for (int i = 0; i < 23; ++i) {
    pair.server.send(core::as_bytes("packet"), pair.to_client);
    sent += "packet";
    if (i == 0) usual = pair.to_client.text.size();
    if (pair.to_client.text.size() > usual) ++longer;
    pair.run();
    // The client answers with its own new keys.
    pair.client.send(core::as_bytes("x"), pair.to_server);
    pair.run();
    ASSERT_TRUE(pair.is_open()) << i << pair.client.failure().detail;
  }
  EXPECT_EQ(longer, 4u);
  EXPECT_EQ(pair.client_up.text, sent);
}

}  // namespace
}  // namespace penstock::tls
