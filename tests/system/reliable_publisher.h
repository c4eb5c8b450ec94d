// ReliablePublisher: publishes on one topic of its own, numbered from 1, and sends again what is not acknowledged. The
// payload of a message is "<client id> <number> <filler>"; in 5.0 some have properties. It keeps to the Receive Maximum
// of the server, and in 5.0 names its topic once and then uses the alias of it. A Rig runs it (reliable_client.h).
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>

#include "core/random.h"
#include "tests/system/reliable_client.h"

namespace penstock::test {

class ReliablePublisher : public ReliableClient {
 public:
  ReliablePublisher(std::string client_id, ClientKind kind, std::string topic, uint8_t qos, uint64_t seed);

  // Publishes this many more; 0 stops new ones.
  void allow(uint64_t count) { allowed_ = published_ + count; }
  const std::string& topic() const { return topic_; }
  uint64_t published() const { return published_; }
  uint64_t acknowledged() const { return acknowledged_; }
  bool done() const { return published_ == allowed_ && window_.empty(); }
  uint8_t qos() const { return qos_; }
  // How often the number was sent again, each of which a subscriber may see at QoS 1.
  uint32_t resends(uint64_t number) const;
  std::string payload(uint64_t number) const;
  // What belongs to the message: the same for every receiver of 5.0.
  Properties properties(uint64_t number) const;

  void on_turn() override;

 protected:
  void on_established(const Packet& connack) override;
  void on_packet(const Packet& packet) override;

 private:
  struct Outstanding {
    uint16_t packet_id;
    uint64_t number;
    bool released;  // PUBREC came, PUBREL is out
  };

  uint16_t free_packet_id();
  void send(const Outstanding& message, bool dup);

  std::string topic_;
  uint8_t qos_;
  core::SeededRandom random_;
  uint64_t allowed_ = 0;
  uint64_t published_ = 0;
  uint64_t acknowledged_ = 0;  // PUBACK or PUBREC came
  uint16_t last_packet_id_ = 0;
  // Of this connection.
  size_t window_max_ = 0;
  bool may_use_alias_ = false;
  bool alias_is_set_ = false;

  std::deque<Outstanding> window_;  // in the order of first sending
  std::map<uint64_t, uint32_t> resends_;
};

}  // namespace penstock::test
