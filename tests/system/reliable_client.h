// ReliableClient: MQTT clients that do everything the standard asks of a client with a persisted session, so that
// whatever is lost, repeated or out of order is the broker's doing. They never block; a Rig polls them, on one thread.
// Their state outlives every connection, as a real client's would on its disk. They check what they see and report it
// as failures of the running test, at most kReportsMax each; as clients of 5.0 what server_rules.h forbids as well.
// Those who publish and those who subscribe: reliable_publisher.h, reliable_subscriber.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/client_layers.h"
#include "tests/support/broker_process.h"
#include "tests/support/client_kind.h"
#include "tests/support/server_rules.h"
#include "tests/support/wire.h"

namespace penstock::test {

constexpr int kReportsMax = 5;

std::string text_of(const Packet& packet);

class ReliableClient {
 public:
  ReliableClient(std::string client_id, ClientKind kind) : client_id_(std::move(client_id)), kind_(kind) {}
  virtual ~ReliableClient();
  ReliableClient(const ReliableClient&) = delete;
  ReliableClient& operator=(const ReliableClient&) = delete;

  const std::string& client_id() const { return client_id_; }
  const ClientKind& kind() const { return kind_; }
  // Opens a connection and sends CONNECT, once all layers are open. False where nobody listens.
  bool open(const BrokerProcess& broker);
  // The connection is gone; what a client keeps, it keeps.
  void lose_connection();
  // DISCONNECT, then the end.
  void leave();
  bool connected() const { return socket_ >= 0; }
  bool established() const { return established_; }
  int socket() const { return socket_; }
  bool wants_to_write() const { return out_begin_ < out_.size(); }
  bool output_is_full() const { return out_.size() - out_begin_ > kOutputBytesMax; }

  // Called by the rig.
  void on_readable();
  void on_writable();
  virtual void on_turn() {}

 protected:
  // Of 5.0, beside the one that makes the session last.
  virtual Properties connect_properties() const { return {}; }
  virtual void on_established(const Packet& connack) = 0;
  virtual void on_packet(const Packet& packet) = 0;

  bool speaks_5() const { return kind_.level == kLevel5; }
  void queue(std::string_view bytes) { out_ += layers_.send(bytes); }
  void report(const std::string& what);

 private:
  static constexpr size_t kOutputBytesMax = 256u << 10;

  void take_packets();
  void take(Packet& packet);
  void on_connack(const Packet& connack);

  std::string client_id_;
  ClientKind kind_;
  int socket_ = -1;
  bool established_ = false;
  bool session_exists_ = false;  // a CONNACK came once: from then on the broker has to know the session
  int reports_ = 0;
  core::ClientLayers layers_;
  ConnectionRules rules_;
  std::string in_;
  std::string out_;  // below all layers
  size_t out_begin_ = 0;
};

// Runs the clients: reads, writes, lets publishers publish.
class Rig {
 public:
  void add(ReliableClient& client) { clients_.push_back(&client); }
  void open_all(const BrokerProcess& broker);
  void lose_all();
  // One pass over all clients that are connected.
  void turn(int wait_ms);
  // Until the condition holds; false when `patience_s` passed without it.
  template <typename Condition>
  bool run_until(Condition condition, int patience_s);
  // Runs on for a while: how long is the caller's chance.
  void run_for_ms(int64_t duration_ms);

 private:
  static int64_t now_ms();
  std::vector<ReliableClient*> clients_;
};

template <typename Condition>
bool Rig::run_until(Condition condition, int patience_s) {
  const int64_t give_up = now_ms() + int64_t{1000} * patience_s;
  while (!condition()) {
    if (now_ms() > give_up) return false;
    turn(20);
  }
  return true;
}

}  // namespace penstock::test
