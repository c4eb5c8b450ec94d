// BrokerOracle: what the clients of a simulated broker have sent, been promised and got, and so what may and must still
// come. The second opinion: it knows nothing of shards, logs or files, only what MQTT 3.1.1 and docs/durability.md
// promise to whoever stands at the other end of the wire. Breaches are test failures, said once, with the names of
// client and message.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "tests/sim/sim_world.h"
#include "tests/support/wire.h"

namespace penstock::sim {

using ClientIndex = uint32_t;
using MessageIndex = uint32_t;

// What came about over all seeds: a test in which nothing happened proves nothing.
struct OracleTally {
  uint64_t published = 0, acknowledged = 0, delivered = 0, repeated = 0, repeated_unmarked = 0, retained = 0,
           qos2_delivered = 0, owed = 0, sessions_resumed = 0;
};

bool filter_matches(std::string_view filter, std::string_view topic);

class BrokerOracle {
 public:
  BrokerOracle(SimWorld& world, OracleTally& tally) : world_(world), tally_(tally) {}
  BrokerOracle(const BrokerOracle&) = delete;

  ClientIndex add_client(std::string name);
  void broker_died() { ++life_; }

  // --- A publisher. An empty payload (`bytes` 0) removes the retained message.
  MessageIndex publish(ClientIndex publisher, std::string topic, uint8_t qos, bool retain, size_t bytes);
  std::string payload_of(MessageIndex message) const;
  const std::string& topic_of(MessageIndex message) const { return messages_[message].topic; }
  void sent(MessageIndex message);
  void acknowledged(MessageIndex message);

  // --- A session. `clean`: a new one, whatever was before.
  void connecting(ClientIndex client, bool clean);
  void reached(ClientIndex client);  // the TCP connection is made
  void connected(ClientIndex client, bool clean, bool session_present);
  void subscribing(ClientIndex client, const std::string& filter, uint8_t qos);
  void subscribed(ClientIndex client, const std::string& filter, uint8_t code);
  void unsubscribing(ClientIndex client, const std::string& filter);
  void unsubscribed(ClientIndex client, const std::string& filter);
  // A PUBLISH that is no repetition within a QoS 2 handshake. Returns which message it is, for later repetitions.
  static constexpr MessageIndex kNoMessage = UINT32_MAX;
  MessageIndex delivered(ClientIndex client, const test::Packet& packet);
  // The same packet id at QoS 2 again, before its PUBREL.
  void repeated(ClientIndex client, const test::Packet& packet, MessageIndex message);

  void breach(ClientIndex client, const std::string& what) const;

  // Empty when everything that is owed has come.
  std::string missing() const;
  // `packet`: what a new subscriber got as the retained message of a topic.
  void check_retained(const std::map<std::string, test::Packet>& by_topic) const;

 private:
  struct Message {
    ClientIndex publisher = 0;
    std::string topic;
    uint8_t qos = 0;
    bool retain = false;
    size_t bytes = 0;
    uint32_t number = 0;  // of all messages of its publisher
    uint32_t sends = 0;
    bool acknowledged = false;
    int64_t sent_ns = INT64_MAX;
    int64_t acknowledged_ns = INT64_MAX;
    uint64_t acknowledged_life = UINT64_MAX;
    std::map<ClientIndex, uint32_t> owed_to;  // session number
  };
  struct Interest {
    std::string filter;
    uint8_t qos = 0;
    int64_t from_ns = 0;
    uint64_t from_life = 0;
    int64_t until_ns = INT64_MAX;  // UNSUBACK
    bool acknowledged = false;     // SUBACK came and UNSUBSCRIBE was not sent
    int64_t acknowledged_ns = INT64_MAX;
  };
  struct Receipt {
    uint32_t count = 0;
    uint32_t in_connection = 0;
    uint32_t connection = 0;
    uint32_t unmarked = 0;  // without DUP
    bool at_qos2 = false;
  };
  struct Client {
    std::string name;
    bool promised = false;  // CONNACK of a session that is kept
    uint32_t session = 0;
    uint32_t connection = 0;
    uint64_t life = 0;  // of the broker that it is connected to: what that sent may come after its death
    std::vector<Interest> interests;
    std::map<MessageIndex, Receipt> receipts;
    std::map<std::tuple<ClientIndex, std::string, uint8_t>, uint32_t> newest;  // number, by publisher, topic and QoS
  };

  MessageIndex identify(ClientIndex client, const test::Packet& packet) const;
  void check_wanted(ClientIndex client, const Message& message, const test::Packet& packet) const;
  static bool subscribed_before(const Client& client, const Message& message);
  void note_receipt(ClientIndex client, MessageIndex index, const test::Packet& packet);
  bool is_removal(const std::string& topic) const;
  Interest* open_interest(ClientIndex client, const std::string& filter);
  std::string describe(const Message& message) const;
  int64_t now_ns() const { return world_.clock().monotonic_ns(); }

  SimWorld& world_;
  OracleTally& tally_;
  std::vector<Message> messages_;
  std::vector<Client> clients_;
  uint64_t life_ = 0;
};

}  // namespace penstock::sim
