// BrokerShard's care of connections before they are clients: they are accepted, come through the handshakes of their
// layers, a bounded part of them in each turn, and those that do it wrong are reported.
#include "broker/broker_shard.h"

namespace penstock::broker {

core::Result<core::Endpoint> BrokerShard::listen(const core::Endpoint& endpoint, const TransportSource* source) {
  acceptors_.push_back(std::make_unique<Acceptor>(*this, source));
  return seams_.network.listen(endpoint, *acceptors_.back());  // TCP [MQTT-7.1.1-1]
}

void BrokerShard::accept(core::SocketId socket, std::unique_ptr<Transport> transport) {
  ++counters_.connections_accepted;
  Connection& connection = add_connection(socket, std::move(transport));
  connection.start({});
  if (options_.connections_max > 0 && post_.office().connections_count() > options_.connections_max)
    connection.close(CloseReason::kTooManyConnections);
}

bool BrokerShard::take_handshake_step() {
  if (!held_transports_.empty() || handshake_steps_left_ == 0) return false;
  --handshake_steps_left_;
  return true;
}

// A storm of handshakes does not hold up those who are connected: their messages wait for a few steps at most.
void BrokerShard::run_held_transports() {
  while (handshake_steps_left_ > 0 && !held_transports_.empty()) {
    Connection* connection = find(held_transports_.front());
    held_transports_.pop_front();
    if (connection == nullptr) continue;
    --handshake_steps_left_;
    connection->transport()->go_on();
  }
}

void BrokerShard::report_refused_authentication(const Connection& connection, const std::string& detail) {
  uint64_t suppressed = 0;
  if (!error_limit_.allow(now_ns_, suppressed)) return;
  core::log_line(core::LogLevel::kWarning,
                 "refusing " + core::to_string(connection.peer_address()) + ": " + detail +
                     (suppressed > 0 ? " (" + std::to_string(suppressed) + " more not shown)" : ""));
}

void BrokerShard::report_protocol_error(const Connection& connection, const protocol::ProtocolError& error) {
  ++counters_.protocol_errors[static_cast<size_t>(error.reason)];
  std::string why = error.text;
  if (error.clause[0] != '\0') why += std::string(" [") + error.clause + "]";
  log_closing(connection, why);
}

void BrokerShard::report_layer_failure(const Connection& connection, const core::StreamFailure& failure) {
  counters_.layer_failures.add(failure.reason);
  log_closing(connection, failure.detail + " [" + failure.reason + "]");
}

void BrokerShard::log_closing(const Connection& connection, const std::string& why) {
  uint64_t suppressed = 0;
  if (!error_limit_.allow(now_ns_, suppressed)) return;
  std::string line = "closing " + core::to_string(connection.peer_address());
  const std::string name = connection.peer_certificate_name();
  if (!name.empty()) line += " (certificate of '" + name + "')";
  if (connection.session() != nullptr) line += " (client '" + connection.session()->client_id() + "')";
  line += ": " + why;
  if (suppressed > 0) line += " (" + std::to_string(suppressed) + " more not shown)";
  core::log_line(core::LogLevel::kWarning, line);
}

}  // namespace penstock::broker
