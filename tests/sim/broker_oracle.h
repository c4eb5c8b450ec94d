// BrokerOracle: what the clients of a simulated broker have sent, been promised and got, and so what may and must still
// come. The second opinion: it knows nothing of shards, logs or files, only what MQTT 3.1.1 and 5.0 and
// docs/durability.md promise to whoever stands at the other end of the wire. Breaches are test failures, said once,
// with the names of client and message.
//
// Its files: this one's .cc has publishers, subscriptions and the end; broker_oracle_sessions.cc connections, expiry
// and what a death may take; broker_oracle_deliveries.cc what came; broker_oracle_groups.cc shared subscriptions;
// broker_oracle_options.cc what a SUBSCRIBE of 5.0 asks for; broker_oracle_properties.cc what messages of 5.0 carry;
// broker_oracle_wills.cc the wills.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "tests/sim/broker_filter_options.h"
#include "tests/sim/sim_world.h"
#include "tests/support/wire.h"

namespace penstock::sim {

using ClientIndex = uint32_t;
using MessageIndex = uint32_t;

// What came about over all seeds: a test in which nothing happened proves nothing.
struct OracleTally {
  uint64_t published = 0, acknowledged = 0, delivered = 0, repeated = 0, repeated_unmarked = 0, retained = 0,
           qos2_delivered = 0, owed = 0, sessions_resumed = 0, sessions_expired = 0, wills_due = 0, wills_cancelled = 0,
           wills_delivered = 0, refusals = 0, shared = 0, addressed = 0;
};

// What the broker under test has promised, as far as its settings decide that.
struct Promises {
  int64_t session_expiry_us = 0;  // 0: never
  int64_t retention_us = INT64_MAX;
  uint16_t inflight_max = 100;
  int64_t turn_ns_max = 0;
  bool queue_qos0 = false;
  bool may_refuse = false;   // its disk fails or is full at times
  bool may_lose = false;     // a crash may take what was acknowledged
  bool may_misread = false;  // its disk does not give every record at times
  bool may_be_late = false;  // its disk is slow, or refuses: what happens with time may take longer
};

// What CONNECT says of its session. CleanSession of 3.1.1 says both in one.
struct SessionTerms {
  static constexpr int64_t kNever = INT64_MAX;

  bool clean_start = false;
  int64_t expiry_us = kNever;  // from the end of the connection
};

// What a message carries where it is sent over 5.0.
struct MessageTerms {
  uint32_t expiry_s = 0;  // 0: never
  bool is_tagged = false;
};

// How a PUBLISH has come.
struct Arrival {
  bool is_5 = false;
  int64_t sent_after_ns = 0;  // by the broker
};

class BrokerOracle {
 public:
  BrokerOracle(SimWorld& world, OracleTally& tally) : world_(world), tally_(tally) {}
  BrokerOracle(const BrokerOracle&) = delete;

  void set_promises(const Promises& promises) { promises_ = promises; }
  const Promises& promises() const { return promises_; }
  // `packet_bytes_max`: larger ones it does not take, at times.
  ClientIndex add_client(std::string name, size_t packet_bytes_max = SIZE_MAX);

  // The broker has answered what was sent at `since_ns` on its connection, which was there then.
  void is_connected(ClientIndex client, int64_t since_ns);

  // --- The broker.
  void broker_serves() { serving_since_ns_ = now_ns(); }
  void broker_stops() { stopping_ = true; }
  bool is_stopping() const { return stopping_; }
  uint64_t life() const { return life_; }
  int64_t serving_since_ns() const { return serving_since_ns_; }
  // What a death may take of that which was acknowledged within the last kHorizonNs.
  enum class Loss : uint8_t {
    kNothing,
    kTheEnd,  // whatever came behind some moment
    kAny,     // a later record may be there, and an earlier one not
  };
  void broker_died(Loss loss);
  void clock_jumped(int64_t by_us) { jumps_.push_back({now_ns(), by_us}); }
  // Records on the disk could not be read at times: what was owed until now may be given up as lost.
  void forgive_what_is_owed();
  // Files were damaged: from here on only wrong bytes and what no filter ever asked for are breaches.
  void files_damaged() { damaged_ = true; }
  bool damaged() const { return damaged_; }

  // --- A publisher. An empty payload (`bytes` 0) removes the retained message.
  MessageIndex publish(ClientIndex publisher, std::string topic, uint8_t qos, bool retain, size_t bytes,
                       const MessageTerms& terms = {});
  std::string payload_of(MessageIndex message) const;
  const std::string& topic_of(MessageIndex message) const { return messages_[message].topic; }
  test::Properties properties_of(MessageIndex message) const;
  void sent(MessageIndex message, bool with_properties = false);
  void acknowledged(MessageIndex message);
  void refused(MessageIndex message);  // with a reason code: it is nobody's

  // --- A will: offered with CONNECT, armed by CONNACK, then due (the connection ended without DISCONNECT), cancelled
  // (the broker has seen DISCONNECT), or in doubt. With a delay it waits for that, or for the end of the session, and
  // is cancelled as well when its client comes back before.
  void will_offered(MessageIndex message, int64_t delay_us);
  void will_armed(MessageIndex message);
  void will_due(MessageIndex message);
  void will_cancelled(MessageIndex message);
  // The broker has answered a packet that was sent at `sent_ns` on the connection with this will.
  void will_is_not_due_yet(MessageIndex message, int64_t sent_ns);

  // --- A session.
  void connecting(ClientIndex client, const SessionTerms& terms);
  void reached(ClientIndex client);  // the TCP connection is made
  // Nobody has heard that it wanted to connect.
  void not_heard(ClientIndex client);
  // Whether what comes on its connection now was sent by a broker that has died and taken along what it had promised.
  bool is_void(ClientIndex client) const { return is_void(clients_[client]); }
  // Whether the session is another one than before, or may be: then the client must begin anew.
  bool connected(ClientIndex client, const SessionTerms& terms, bool session_present);
  // How long a session lasts that is asked to outlive its connection for so long.
  int64_t bounded_expiry_us(int64_t expiry_us) const;
  // DISCONNECT, on its way, says so.
  void expires_after(ClientIndex client, int64_t expiry_us);
  // Its connection ended, for the broker within [from, until].
  void offline(ClientIndex client, bool was_established, int64_t from_ns, int64_t until_ns);
  void refused(ClientIndex client, const std::string& what);
  void subscribing(ClientIndex client, const std::string& filter, uint8_t qos, const FilterOptions& options = {});
  void subscribed(ClientIndex client, const std::string& filter, uint8_t code);
  void unsubscribing(ClientIndex client, const std::string& filter);
  void unsubscribed(ClientIndex client, const std::string& filter);
  // A PUBLISH that is no repetition within a QoS 2 handshake. Returns which message it is, for later repetitions.
  static constexpr MessageIndex kNoMessage = UINT32_MAX;
  MessageIndex delivered(ClientIndex client, const test::Packet& packet, const Arrival& arrival);
  // The same packet id at QoS 2 again, before its PUBREL.
  void repeated(ClientIndex client, const test::Packet& packet, MessageIndex message);

  void breach(ClientIndex client, const std::string& what) const;

  // Empty when everything that is owed has come.
  std::string missing() const;
  // `packet`: what a new subscriber got as the retained message of a topic.
  void check_retained(const std::map<std::string, test::Packet>& by_topic) const;

 private:
  enum class Will : uint8_t { kNone, kInDoubt, kArmed, kDelayed, kDue, kCancelled };
  struct Message {
    ClientIndex publisher = 0;
    std::string topic;
    uint8_t qos = 0;
    bool retain = false;
    size_t bytes = 0;
    uint32_t number = 0;  // of all that its publisher has sent
    MessageTerms terms = {};
    uint32_t sends = 0;
    uint32_t sends_with_properties = 0;
    bool acknowledged = false;
    bool refused = false;
    int64_t sent_ns = INT64_MAX;
    int64_t acknowledged_ns = INT64_MAX;
    uint64_t acknowledged_life = UINT64_MAX;
    std::map<ClientIndex, uint32_t> owed_to;  // session number
    std::set<std::string> owed_to_groups;     // by filter: to some member of each
    Will will = Will::kNone;
    bool is_will = false;
    int64_t delay_us = 0;
    // While it waits: since when at the earliest, and how long.
    int64_t delayed_from_ns = 0;
    int64_t delay_min_us = 0, delay_max_us = 0;
    int64_t first_delivered_ns = INT64_MAX;
    int64_t cancelled_ns = INT64_MAX;
  };
  struct Interest {
    std::string filter;
    uint8_t qos = 0;
    FilterOptions options = {};
    int64_t from_ns = 0;
    uint64_t from_life = 0;
    int64_t until_ns = INT64_MAX;  // UNSUBACK
    bool acknowledged = false;     // SUBACK came and UNSUBSCRIBE was not sent
    bool may_be_back = false;      // a death has taken UNSUBSCRIBE
    int64_t acknowledged_ns = INT64_MAX;
  };
  struct Receipt {
    uint32_t count = 0;
    uint32_t in_connection = 0;
    uint32_t connection = 0;
    uint64_t life = 0;
    uint32_t unmarked = 0;  // without DUP
    uint32_t at_qos0 = 0;
    uint32_t unmarked_qos0 = 0;  // and not forgiven yet
    bool at_qos2 = false;
    bool is_forgiven = false;  // a death has taken the record of it
  };
  // The members of a shared subscription, and who of them has got what.
  struct SharedReceipt {
    ClientIndex client = 0;
    uint32_t connection = 0;
    uint64_t life = 0;
    int64_t at_ns = 0;
    bool at_qos2 = false;
  };
  struct Group {
    int64_t doubt_ns = -1;          // until then it may have been without a member, and so have ended
    int64_t left_ns = -1;           // a member has left it: what was on its way to that is nobody's
    int64_t session_ended_ns = -1;  // a member's session has ended: so is what was on its way to that at QoS 2
    int64_t trouble_ns = -1;        // until then members have lost connections, and what they held goes to others
    std::map<MessageIndex, SharedReceipt> receipts;
  };
  // A breach if all of these were still connected then; whose connection has ended, may learn that late.
  struct Suspicion {
    ClientIndex client = 0;
    std::string what;
    int64_t at_ns = 0;
    std::set<ClientIndex> holders;
  };
  struct Newest {
    uint32_t number = 0;
    uint64_t life = 0;
  };
  struct Return {
    int64_t at_ns;
    int64_t offline_from_ns;
  };
  // What it has asked for last counts, once it knows that the broker has heard it.
  struct Expiry {
    int64_t at_ns = 0;
    int64_t us = SessionTerms::kNever;
    bool is_known = false;
  };
  struct ExpiryRange {
    int64_t min_us = SessionTerms::kNever;
    int64_t max_us = SessionTerms::kNever;
  };
  struct Client {
    std::string name;
    size_t packet_bytes_max = SIZE_MAX;
    bool promised = false;  // CONNACK of a session that is kept
    bool in_doubt = false;  // its session may have gone, and another one have begun, without its knowing
    bool online = false;
    bool is_kept = false;  // some record may tell of its session
    uint32_t session = 0;
    int64_t session_from_ns = 0;  // it was made between these
    int64_t session_known_ns = 0;
    uint32_t connection = 0;
    uint64_t life = 0;  // of the broker that it is connected to: what that sent may come after its death
    int64_t connecting_ns = 0;
    int64_t changed_ns = 0;  // of its session or its filters
    int64_t offline_from_ns = 0;
    int64_t offline_until_ns = 0;
    bool offline_since_start = true;  // for a broker that came after that, since its start: no record tells since when
    std::vector<Return> returns;      // of late, while its session went on
    int64_t unrecorded_from_ns = INT64_MAX;  // a death has taken the records of them: it is offline since then
    std::vector<Expiry> expiries;            // the newest last
    ExpiryRange expiry;                      // before it asked for another one with this connection
    MessageIndex delayed_will = kNoMessage;
    int64_t first_attempt_ns = INT64_MAX;  // since that waits: to connect
    std::vector<Interest> interests;
    std::vector<Interest> former;        // of its sessions before
    std::set<std::string> filters_ever;  // of all its sessions
    std::map<MessageIndex, Receipt> receipts;
    std::map<std::tuple<ClientIndex, std::string, uint8_t>, Newest> newest;  // by publisher, topic and QoS
  };
  struct Jump {
    int64_t at_ns;
    int64_t by_us;
  };

  void begin_session(Client& client);
  static ExpiryRange range_of(const std::vector<Expiry>& expiries);
  void expiry_is_known(Client& client) const;
  bool may_have_expired(const Client& client) const;
  bool must_have_expired(const Client& client) const;
  bool was_offline_for(const Client& client, int64_t us) const;
  // broker_oracle_wills.cc
  void will_waits(MessageIndex index);
  bool is_early(const Message& will) const;
  void becomes_due(Message& will);
  void settle_delayed_will(Client& client, bool session_present);
  bool has_session(const Client& client) const;
  // broker_oracle_groups.cc
  void leaves(ClientIndex index, const Interest& interest);
  void membership_ends(ClientIndex index, int64_t at_ns);
  void doubt(ClientIndex index, const std::string& filter, int64_t at_ns);
  void members_trouble(const Client& client, int64_t until_ns);
  void groups_outlive_death(bool lossy);
  void suspect(ClientIndex client, std::string what, std::set<ClientIndex> holders);
  void clear_suspicions(ClientIndex holder);
  std::set<ClientIndex> members_of(const std::string& filter) const;
  static bool is_forgiven(const Group& group, const Message& message);
  const std::string* group_of(const Client& client, const Message& message) const;
  void note_shared(ClientIndex client, const std::string& filter, MessageIndex message, const test::Packet& packet);
  void forget_recent(Client& client, ClientIndex index, int64_t horizon_ns);
  // How much time may have passed by the wall clock.
  int64_t wall_elapsed_us_max(int64_t since_ns) const;
  MessageIndex identify(ClientIndex client, const test::Packet& packet) const;
  void check_addressed(ClientIndex client, const Message& message, const test::Packet& packet) const;
  void check_wanted(ClientIndex client, const Message& message, const test::Packet& packet) const;
  void check_qos0(ClientIndex client, const Message& message) const;
  // broker_oracle_properties.cc
  bool may_have_expired(const Message& message) const;
  void check_tag(ClientIndex client, MessageIndex index, const test::Packet& packet) const;
  void check_time_left(ClientIndex client, const Message& message, const test::Packet& packet) const;
  void check_not_expired(ClientIndex client, const Message& message, const test::Packet& packet,
                         const Arrival& arrival) const;
  void check_properties(ClientIndex client, MessageIndex index, const test::Packet& packet,
                        const Arrival& arrival) const;
  void check_none_was_passed_over(ClientIndex client, const Message& message, const test::Packet& packet) const;
  bool may_be_too_large(ClientIndex client, const Message& message) const;
  bool may_be_late(const Message& message, const test::Packet& packet) const;
  bool subscribed_since_before(const Client& client, const Message& message) const;
  bool was_being_left(const Client& client, const Message& message, int64_t death_ns) const;
  // broker_oracle_options.cc
  bool wants(ClientIndex client, const Interest& interest, const Message& message) const;
  bool may_be_as_published(ClientIndex client, const Message& message) const;
  void check_retain(ClientIndex client, const Message& message, const test::Packet& packet) const;
  void check_identifiers(ClientIndex client, const Message& message, const test::Packet& packet) const;
  void note_receipt(ClientIndex client, MessageIndex index, const test::Packet& packet);
  void owe(Message& message, int64_t subscribed_before_ns);
  // What reaches it now was sent by a broker that has died since, and taken along what it had promised.
  bool is_void(const Client& client) const {
    return client.life < life_ && deaths_[client.life].loss != Loss::kNothing;
  }
  bool is_removal(const std::string& topic) const;
  Interest* open_interest(ClientIndex client, const std::string& filter);
  std::string describe(const Message& message) const;
  int64_t now_ns() const { return world_.clock().monotonic_ns(); }

  SimWorld& world_;
  OracleTally& tally_;
  Promises promises_;
  std::vector<Message> messages_;
  std::vector<MessageIndex> expiring_;  // those with an expiry interval
  std::vector<Client> clients_;
  std::map<std::string, Group> groups_;  // by "$share/GROUP/FILTER"
  std::vector<Suspicion> suspicions_;
  std::vector<uint32_t> messages_of_;  // by client
  std::vector<Jump> jumps_;
  uint64_t life_ = 0;
  int64_t serving_since_ns_ = INT64_MAX;
  struct Death {
    int64_t at_ns;
    Loss loss;
  };
  std::vector<Death> deaths_;  // by life
  bool stopping_ = false;
  bool damaged_ = false;
};

}  // namespace penstock::sim
