// ModelledClient: an MQTT client of a simulated broker, of 3.1.1 or 5.0, whose own memory is never lost. It does what
// the standard asks of a client: redelivers what is unacknowledged, in order, with DUP and the old packet id; keeps the
// state of its QoS 2 handshakes as long as its session; acknowledges in order. Beyond that it behaves as badly as its
// plan says. What it sends and gets, it tells the BrokerOracle. Lives as a chain of world events.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/broker_client_plan.h"
#include "tests/sim/broker_layers.h"
#include "tests/sim/broker_oracle.h"
#include "tests/support/server_rules.h"
#include "tests/support/wire.h"

namespace penstock::sim {

class ModelledClient {
 public:
  ModelledClient(SimWorld& world, SimHub& hub, BrokerOracle& oracle, ClientPlan plan, uint16_t port);
  ModelledClient(const ModelledClient&) = delete;

  void start();
  // From now on it behaves: stays connected, publishes nothing new.
  void settle();
  // All its handshakes are complete.
  bool settled() const;
  // Or on its way to be.
  bool connected() const { return established_ || connecting_; }
  // The broker has forgotten, by a death that its durability allows, which QoS 2 handshakes were under way.
  void forget_incoming() { incoming_.clear(); }
  std::string describe() const;
  const ClientPlan& plan() const { return plan_; }
  // Retained messages that came on this connection, by topic.
  const std::map<std::string, test::Packet>& retained() const { return retained_; }

 private:
  enum class Stage : uint8_t { kWaiting, kSent, kReceived };
  struct Outgoing {
    MessageIndex message = 0;
    uint8_t qos = 0;
    bool retain = false;
    uint16_t packet_id = 0;
    Stage stage = Stage::kWaiting;
  };
  struct Change {
    bool subscribe = true;
    std::string filter;
    uint8_t qos = 0;
    uint16_t packet_id = 0;  // 0: not sent on this connection
  };

  void act();
  void act_later();
  void act_connected();
  void misbehave();
  void go_on_in_silence();
  void check_end_of_silence();
  void connect();
  void draw_terms();
  int64_t draw_absence();
  int64_t draw_will_delay(test::Will& will);
  std::string connect_packet();
  void add_mqtt5(test::ConnectOptions& options);
  void plan_cut();
  void lost(bool broker_knows);
  void settle_will();
  void leave();
  void take_over();
  void begin_anew();
  void send(std::string_view bytes);
  void on_change();
  void take(test::Packet& packet);
  void on_connack(const test::Packet& packet);
  void note_connack(const test::Packet& packet);
  void on_disconnect(const test::Packet& packet);
  std::string disconnect_packet();
  MessageTerms draw_message_terms();
  std::string topic_or_alias(const std::string& topic, test::Properties& properties);
  Arrival arrival() const;
  void on_publish(const test::Packet& packet);
  void on_pingresp();
  void on_acknowledge(const test::Packet& packet);
  void on_change_done(const test::Packet& packet);
  void acknowledge(test::Type type, uint16_t packet_id);
  void send_lazy_acknowledgements();
  bool is_5() const { return level_ == test::kLevel5; }
  void publish_some();
  void publish_flood();
  void resend();
  void pump();
  void send_publish(const Outgoing& outgoing, bool dup);
  void change_some_filter();
  void send_change();
  void end_connection();
  uint16_t free_packet_id();
  bool chance(uint32_t per_mille) { return random_.chance(per_mille, 1000); }

  SimWorld& world_;
  BrokerOracle& oracle_;
  ClientPlan plan_;
  uint16_t port_;
  core::SeededRandom random_;
  ClientIndex index_;
  LayeredPeer peer_;
  bool settling_ = false;
  bool connecting_ = false;
  bool reached_ = false;  // the TCP connection is made
  bool established_ = false;
  bool reading_slowly_ = false;
  bool read_slowly_once_ = false;  // on this connection
  bool lazy_ = false;
  bool leaving_ = false;     // DISCONNECT is sent, and it waits for the broker to close
  bool keeps_will_ = false;  // which that DISCONNECT wants to be published
  uint32_t take_overs_left_ = 0;
  // Of this connection.
  uint8_t level_ = test::kLevel311;
  SessionTerms terms_;
  test::ConnectionRules rules_;
  size_t server_receive_maximum_ = SIZE_MAX;
  uint32_t server_alias_max_ = 0;
  std::map<std::string, uint16_t> aliases_;  // by topic
  int64_t silent_since_ns_ = INT64_MAX;
  int64_t connected_ns_ = 0;
  uint64_t connection_life_ = 0;
  int64_t reconnect_at_ns_ = 0;
  int64_t last_received_ns_ = 0;
  int64_t last_sent_ns_ = 0;
  int64_t last_ping_ns_ = 0;
  std::deque<int64_t> pings_ns_;                  // of this connection, unanswered
  MessageIndex will_ = BrokerOracle::kNoMessage;  // of this connection
  int64_t will_delay_us_ = 0;                     // of it, with this connection or the last one
  std::string input_;
  std::vector<std::pair<test::Type, uint16_t>> lazy_acknowledgements_;
  std::set<uint16_t> unacknowledged_;  // deliveries at QoS 1 and 2 that came on this connection
  std::deque<Outgoing> outgoing_;
  uint16_t last_packet_id_ = 0;
  std::map<uint16_t, MessageIndex> incoming_;  // QoS 2, from PUBLISH to PUBREL
  std::deque<Change> changes_;
  std::map<std::string, uint8_t> wanted_;  // filters of the session, as it wants them
  std::map<std::string, test::Packet> retained_;
};

}  // namespace penstock::sim
