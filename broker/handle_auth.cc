// AUTH, and what CONNECT has to do with it. [MQTT5-4.12.0-1]
#include "broker/broker_shard.h"
#include "broker/packet_handlers.h"
#include "protocol/disconnect.h"
#include "protocol/encode.h"

namespace penstock::broker {
namespace {

using auth::AuthAnswer;
using protocol::ReasonCode;

// For an answer to a CONNECT that is not at hand any more.
constexpr protocol::Connect kConnect5{.version = protocol::ProtocolVersion::kMqtt5};

// Names the method of CONNECT [MQTT5-4.12.0-5], and has neither a reason string nor a user property. [MQTT5-3.15.2-2]
// [MQTT5-3.15.2-3] False: the client does not take it.
bool send_auth(Connection& connection, ReasonCode reason, std::string_view data) {
  const protocol::Auth packet{
      .reason = reason, .method = connection.terms()->authentication->method, .data = core::as_bytes(data)};
  const size_t bytes = protocol::auth_bytes(packet);
  if (!connection.takes(bytes)) return false;
  connection.commit(protocol::encode_auth({connection.reserve(bytes), bytes}, packet, protocol::Sender::kServer));
  return true;
}

// What the exchange says to the client's words. kDone: it is believed.
AuthAnswer::Outcome go_on(Authentication& authentication, const AuthAnswer& answer) {
  if (answer.outcome == AuthAnswer::Outcome::kContinue) return answer.outcome;
  authentication.exchange.reset();
  if (answer.outcome == AuthAnswer::Outcome::kFailure) return answer.outcome;
  // Who authenticates again must be who he was.
  if (!authentication.user_name.empty() && authentication.user_name != answer.user_name)
    return AuthAnswer::Outcome::kFailure;
  authentication.user_name = answer.user_name;
  authentication.server_data = answer.data;
  return answer.outcome;
}

// The client has authenticated again, or begins to. [MQTT5-4.12.1-1] [MQTT5-4.12.1-2]
Handled handle_again(BrokerShard& shard, Connection& connection, const protocol::Auth& packet) {
  Authentication& authentication = *connection.terms()->authentication;
  const bool begins = packet.reason == ReasonCode::kReauthenticate;
  if (begins == (authentication.exchange != nullptr))
    return connection.fail({protocol::ProtocolErrorReason::kUnexpectedPacket, "MQTT5-4.12.0-3",
                            "AUTH with a reason code that does not fit to what was said before"});
  if (begins) authentication.exchange = shard.options().authenticator->start();
  const core::Bytes data = packet.data.value_or(core::Bytes());
  const AuthAnswer answer = begins ? authentication.exchange->begin(data) : authentication.exchange->next(data);
  switch (go_on(authentication, answer)) {
    case AuthAnswer::Outcome::kContinue:
      if (send_auth(connection, ReasonCode::kContinueAuthentication, answer.data)) return Handled::kDone;
      return connection.fail(kAnswerTooLarge);
    case AuthAnswer::Outcome::kSuccess:
      if (send_auth(connection, ReasonCode::kSuccess, answer.data)) return Handled::kDone;
      return connection.fail(kAnswerTooLarge);
    case AuthAnswer::Outcome::kFailure:
      break;
  }
  shard.report_refused_authentication(connection, answer.detail);
  connection.close(CloseReason::kNotAuthorized);
  return Handled::kStop;
}

}  // namespace

Handled begin_authentication(BrokerShard& shard, Connection& connection, const protocol::Connect& connect,
                             const protocol::PacketBytes& packet) {
  const auth::Authenticator* const authenticator = shard.options().authenticator;
  const std::string_view method = *connect.properties.authentication_method;
  if (authenticator == nullptr || authenticator->method() != method)  // [MQTT5-4.12.0-1]
    return refuse_connect(connection, connect, ReasonCode::kBadAuthenticationMethod);
  auto terms = std::make_unique<ConnectionTerms>(connect.properties);
  terms->authentication = std::make_unique<Authentication>();
  terms->authentication->method = method;
  terms->authentication->exchange = authenticator->start();
  terms->authentication->connect.assign(packet.body.begin(), packet.body.end());
  connection.begin_terms(std::move(terms));
  return go_on_authenticating(shard, connection, connect.properties.authentication_data.value_or(core::Bytes()), true);
}

Handled go_on_authenticating(BrokerShard& shard, Connection& connection, core::Bytes data, bool begins) {
  Authentication& authentication = *connection.terms()->authentication;
  const AuthAnswer answer = begins ? authentication.exchange->begin(data) : authentication.exchange->next(data);
  switch (go_on(authentication, answer)) {
    case AuthAnswer::Outcome::kContinue:
      if (send_auth(connection, ReasonCode::kContinueAuthentication, answer.data))  // [MQTT5-4.12.0-2]
        return Handled::kDone;
      return refuse_connect(connection, kConnect5, ReasonCode::kPacketTooLarge);
    case AuthAnswer::Outcome::kSuccess:
      return serve_authenticated(shard, connection);
    case AuthAnswer::Outcome::kFailure:
      break;
  }
  shard.report_refused_authentication(connection, answer.detail);
  return refuse_connect(connection, kConnect5, ReasonCode::kNotAuthorized);  // [MQTT5-4.12.0-4]
}

Handled handle_auth(BrokerShard& shard, Connection& connection, const protocol::PacketBytes& packet) {
  const auto auth = protocol::decode_auth(packet);
  if (!auth.has_value()) return connection.fail(auth.error());
  if (connection.terms()->authentication == nullptr)
    return connection.fail({protocol::ProtocolErrorReason::kUnexpectedPacket, "MQTT5-4.12.0-7",
                            "AUTH without an authentication method in CONNECT"});
  if (auth->method != connection.terms()->authentication->method)
    return connection.fail(
        {protocol::ProtocolErrorReason::kUnexpectedPacket, "MQTT5-4.12.0-5", "AUTH with another method than CONNECT"});
  if (connection.is_established()) return handle_again(shard, connection, *auth);
  if (auth->reason != ReasonCode::kContinueAuthentication)
    return connection.fail({protocol::ProtocolErrorReason::kUnexpectedPacket, "MQTT5-4.12.0-3",
                            "AUTH before CONNACK that does not go on"});
  return go_on_authenticating(shard, connection, auth->data.value_or(core::Bytes()), false);
}

}  // namespace penstock::broker
