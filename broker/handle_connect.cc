#include "broker/broker_shard.h"
#include "broker/packet_handlers.h"
#include "broker/session_expiry.h"
#include "core/utf8.h"
#include "protocol/connect.h"

namespace penstock::broker {
namespace {

using protocol::ReasonCode;

// Durable: the next life will have it, too. While the record that made it is on its way, it may still come to nothing.
bool is_kept(BrokerShard& shard, const Session& session) {
  return session.persistent && session.made_end <= shard.log().durable_end().value();
}

// What asks for a session that would have to be made or ended durably.
bool needs_record(BrokerShard& shard, const protocol::Connect& connect) {
  const Session* session = shard.sessions().find(connect.client_id);
  if (connect.clean_session && session != nullptr && session->persistent) return true;
  if (wanted_expiry_s(connect) == kExpiryAtOnce) return false;
  return session == nullptr || connect.clean_session || !is_kept(shard, *session);
}

// The disk is full or broken: everybody else is served.
bool lacks_record(BrokerShard& shard, const protocol::Connect& connect) {
  return !shard.has_log_room() && needs_record(shard, connect);
}

// What is right by the standard, and cannot be kept.
std::optional<protocol::ProtocolError> objection_to(const protocol::Connect& connect) {
  using Reason = protocol::ProtocolErrorReason;
  if (!connect.will.has_value()) return std::nullopt;
  const protocol::WillMessage& will = *connect.will;
  if (protocol::count_levels(will.topic.text()) > BrokerShard::kTopicLevelsMax)
    return protocol::ProtocolError{Reason::kInvalidTopicName, "", "the topic of the will has more than 128 levels"};
  if (will.properties.size() > kWillPropertiesBytesMax)
    return protocol::ProtocolError{Reason::kPacketTooLarge, "", "the will has more than 64 KiB of properties"};
  if (will.payload_is_text && !core::is_utf8(core::as_text(will.payload)))
    return protocol::ProtocolError{Reason::kPayloadFormat, "", "a will that is called UTF-8 and is not"};
  return std::nullopt;
}

// Of a client that may be one, on its home shard.
Handled serve_connect(BrokerShard& shard, Connection& connection, const protocol::Connect& connect) {
  if (shard.room_for_state() == Handled::kWait) return Handled::kWait;
  const auto refuse_without_disk = [&] {
    return refuse_connect(connection, connect, ReasonCode::kServerUnavailable, text_of(Explanation::kNoDisk));
  };
  if (lacks_record(shard, connect)) return refuse_without_disk();
  Session* session = shard.sessions().find(connect.client_id);
  // Shards accept and read in no common order. A connection that its client gave up before it made the one that is here
  // must not take that over, only because it was read later. [MQTT-3.1.4-2]
  if (session != nullptr && session->online() && connection.is_past_of(*session->connection)) {
    connection.close(CloseReason::kPeerClosed);
    return Handled::kStop;
  }
  // Its last packets, perhaps a DISCONNECT, wait for room. They were here before.
  if (session != nullptr && session->online() && session->connection->is_waiting()) return Handled::kWait;
  if (shard.options().client_id_conflict == ClientIdConflict::kReject) {
    // A client that closed and comes again may be read before its own end is.
    if (session != nullptr && session->online() && !session->connection->is_peer_gone())
      return refuse_connect(connection, connect, ReasonCode::kClientIdNotValid, text_of(Explanation::kClientIdInUse));
  }
  if (session != nullptr && session->online()) {
    session->connection->close(CloseReason::kTakenOver);  // [MQTT-3.1.4-2] [MQTT5-3.1.4-3]
    session = shard.sessions().find(connect.client_id);   // it may have ended
    // What has been recorded of that has taken of the room that was there: so it is also below.
    if (shard.room_for_state() == Handled::kWait) return Handled::kWait;
  }
  if (session != nullptr) shard.settle_offline_session(*session, connect.clean_session);
  // A will that still waits for room goes first: its record must not be taken for that of this connection's will.
  if (shard.has_pending_wills()) return Handled::kWait;
  if (shard.room_for_state() == Handled::kWait) return Handled::kWait;
  if (lacks_record(shard, connect)) return refuse_without_disk();
  // [MQTT-3.1.3-6] [MQTT5-3.1.3-6] [MQTT5-3.1.3-7]
  const std::string made = connect.client_id.empty() ? shard.make_client_id() : std::string();
  shard.establish(connection, connect, connect.client_id.empty() ? std::string_view(made) : connect.client_id);
  return Handled::kDone;
}

}  // namespace

Handled refuse_connect(Connection& connection, const protocol::Connect& connect, ReasonCode code,
                       std::string_view text) {
  // [MQTT-3.1.3-9] [MQTT5-3.1.3-8]
  connection.send_refusal(code, connect.version, text, connect.properties.packet_bytes_max);
  // [MQTT5-3.1.4-2] [MQTT5-3.2.2-7] [MQTT-3.2.2-5] and nothing behind it is read [MQTT-3.1.4-5] [MQTT5-3.1.4-6]
  connection.close(CloseReason::kRefused, true);
  return Handled::kStop;
}

Handled serve_authenticated(BrokerShard& shard, Connection& connection) {
  const std::vector<std::byte>& body = connection.terms()->authentication->connect;
  const auto connect = protocol::decode_connect({.type = protocol::PacketType::kConnect, .body = body});
  return serve_connect(shard, connection, *connect);
}

Handled handle_first_packet(BrokerShard& shard, Connection& connection, const protocol::PacketBytes& packet) {
  if (connection.terms() != nullptr) {  // CONNECT is with us, and the client has to be believed
    if (connection.terms()->authentication->exchange == nullptr) return serve_authenticated(shard, connection);
    if (packet.type == protocol::PacketType::kAuth) return handle_auth(shard, connection, packet);
    if (packet.type == protocol::PacketType::kDisconnect) {  // it does not want to go on
      connection.close(CloseReason::kDisconnect);
      return Handled::kStop;
    }
  }
  if (packet.type != protocol::PacketType::kConnect || connection.terms() != nullptr)  // [MQTT5-3.1.0-1]
    return connection.fail(
        {protocol::ProtocolErrorReason::kUnexpectedPacket, "MQTT-3.1.0-1", "the first packet is no CONNECT"});
  const auto connect = protocol::decode_connect(packet);
  if (!connect.has_value()) {
    const protocol::ConnectError& error = connect.error();
    if (!error.refusal.has_value()) return connection.fail(error.error);  // [MQTT-3.1.4-1]
    shard.report_protocol_error(connection, error.error);
    // What the client takes is not known then: no text.
    return refuse_connect(connection, {.version = error.version}, *error.refusal);
  }
  if (const auto objection = objection_to(*connect)) {
    if (connect->version != protocol::ProtocolVersion::kMqtt5) return connection.fail(*objection);
    shard.report_protocol_error(connection, *objection);
    return refuse_connect(connection, *connect, protocol::reason_code(objection->reason), objection->text);
  }
  if (!connect->client_id.empty()) {
    const ShardIndex home = shard.home_of(connect->client_id);
    if (home != shard.index()) {
      connection.hand_over(home);
      return Handled::kStop;
    }
  }
  if (connect->properties.authentication_method.has_value())
    return begin_authentication(shard, connection, *connect, packet);
  if (shard.options().must_authenticate) return refuse_connect(connection, *connect, ReasonCode::kNotAuthorized);
  return serve_connect(shard, connection, *connect);
}

}  // namespace penstock::broker
