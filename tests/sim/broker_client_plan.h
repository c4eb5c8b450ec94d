// ClientPlan: what a seed decides of one ModelledClient before its story begins.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/sim/broker_filter_options.h"
#include "tests/support/wire.h"

namespace penstock::sim {

// What it asks for and does on connections of MQTT 5.0.
struct Mqtt5Plan {
  uint32_t per_cent = 0;           // of its connections
  std::vector<uint32_t> expiry_s;  // one of these with each CONNECT: how long the session outlives the connection
  uint32_t clean_start_per_cent = 0;
  uint32_t other_expiry_per_cent = 0;  // of its DISCONNECTs
  uint32_t outstay_per_cent = 0;       // of its absences: longer than a short expiry or will delay
  uint32_t will_delay_s_max = 0;
  uint32_t leaves_with_will_per_cent = 0;  // of its DISCONNECTs
  uint32_t expiring_per_cent = 0;          // of its messages; if any, some have user properties as well
  uint16_t receive_maximum = UINT16_MAX;
  uint16_t alias_max = 0;                        // that it understands
  bool has_aliases = false;                      // that it uses
  std::map<std::string, FilterOptions> options;  // of its filters
  uint32_t packet_bytes_max = 0;                 // that it takes; 0: all
};

struct ClientPlan {
  std::string name;
  bool clean = false;               // with 3.1.1
  test::FilterList filters;         // subscribed to when it has connected first
  std::vector<std::string> topics;  // it publishes to
  std::vector<uint8_t> qos;         // one of these
  uint32_t retain_per_cent = 0;     // on topics of its own: "r/<name>/..."
  size_t payload_bytes_max = 100;
  int64_t act_ns_mean = 50'000'000;
  uint32_t publish_per_cent = 0;  // chances of each act
  uint32_t huge_per_mille = 0;    // of its messages
  size_t huge_bytes_max = 0;
  uint32_t flood_per_mille = 0;  // many messages at QoS 0 in one act
  uint32_t flood_messages_max = 1000;
  uint32_t leave_per_mille = 0;
  uint32_t cut_per_mille = 0;
  uint32_t vanish_per_mille = 0;
  uint32_t take_over_per_mille = 0;  // connects anew while the broker believes in the old connection; several times
  uint32_t silence_per_mille = 0;    // sends nothing any more: the broker has to end the connection
  uint32_t resubscribe_per_mille = 0;
  uint32_t slow_per_mille = 0;
  uint32_t cut_at_byte_per_cent = 0;  // of each connection
  uint32_t will_per_cent = 0;         // of each connection
  uint32_t lazy_per_cent = 0;         // its acknowledgements wait for a later act
  uint16_t keepalive_s = 4;
  int64_t away_ns_max = 1'000'000'000;  // between two connections
  size_t window = 10;                   // messages that it has unacknowledged
  uint16_t packet_id_max = 65535;       // at least 3 x window
  size_t layers = 0;                    // below MQTT, as the broker has them
  Mqtt5Plan mqtt5;
};

}  // namespace penstock::sim
