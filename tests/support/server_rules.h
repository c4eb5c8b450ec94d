// Server rules: what MQTT 5.0 forbids a server to send, checked on every packet that a TestClient of 5.0 takes, so that
// each test proves them by the way: properties and reason codes that do not belong there, and what CONNECT has ruled
// out for this connection. Written from the standard alone. One thread.
#pragma once

#include <map>
#include <string>

#include "tests/support/wire.h"

namespace penstock::test {

// What is wrong with a packet whatever the connection; empty where nothing is.
std::string broken_rule(const Packet& packet);

// The connection that one CONNECT has opened.
class ConnectionRules {
 public:
  ConnectionRules() = default;
  explicit ConnectionRules(const ConnectOptions& options);

  // The same of the next packet of this connection. Fills in the topic where it comes as an alias alone.
  std::string judge(Packet& packet);

 private:
  std::string judge_order(const Packet& packet);
  std::string judge_connack(const Packet& packet) const;
  std::string judge_authentication(const Packet& packet) const;
  std::string judge_alias(Packet& packet);

  bool knows_connect_ = false;  // else CONNECT was sent as bytes, and what it asked for is not known
  bool clean_start_ = false;
  bool has_client_id_ = false;
  bool wants_reasons_ = true;
  bool wants_response_information_ = false;
  uint32_t packet_bytes_max_ = 0;  // 0: no limit
  uint32_t alias_max_ = 0;
  std::string auth_method_;

  bool accepted_ = false;  // CONNACK has come
  bool ended_ = false;     // so has a last packet
  std::map<uint32_t, std::string> aliases_;
};

}  // namespace penstock::test
