// TestClient: a blocking MQTT client of version 3.1, 3.1.1 or 5.0 with control of every byte. Which version it speaks
// is decided by ConnectOptions::protocol_level, or by speak(); over what, by the Endpoint. A step that does not happen
// within kPatience is a failure of the running test, reported at the caller's line; the client is broken from then on
// and its further steps return at once, so a test reads as a straight line. One thread at a time. It never answers by
// itself: acknowledgements are sent by the test, or by the methods that say so. As a client of 5.0 it also fails the
// test where the server breaks a rule of server_rules.h.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/server_rules.h"
#include "tests/support/transport.h"
#include "tests/support/wire.h"

namespace penstock::test {

using Where = std::source_location;

class TestClient {
 public:
  explicit TestClient(Endpoint endpoint, int receive_buffer_bytes = 0, Where where = Where::current());
  // Opens, sends CONNECT and expects CONNACK with code 0.
  TestClient(Endpoint endpoint, const ConnectOptions& options, Where where = Where::current());
  ~TestClient() = default;
  TestClient(TestClient&& other) noexcept = default;
  TestClient& operator=(TestClient&& other) noexcept = default;

  // What it speaks where ConnectOptions do not say it: 3.1.1 at first.
  void speak(uint8_t protocol_level) { level_ = protocol_level; }
  uint8_t level() const { return level_; }

  // Bytes and packets.
  void send(std::string_view bytes, Where where = Where::current());
  // False where the peer has closed: for tests that expect it.
  bool try_send(std::string_view bytes);
  Packet next(Where where = Where::current());               // the next packet, whatever it is
  Packet expect(Type type, Where where = Where::current());  // the next packet must be of this type
  Packet expect(Type type, uint16_t packet_id, Where where = Where::current());
  // The next thing is the end of the stream (FIN or RST). In 5.0 a DISCONNECT or CONNACK that says why may come before.
  void expect_closed(Where where = Where::current());
  // Reads on to the end of the stream; gives the packets that came before.
  std::deque<Packet> drain_until_closed(Where where = Where::current());
  // The same as bytes, for answers whose version is open.
  std::string bytes_until_closed(Where where = Where::current());
  // Of 5.0: the next packet is DISCONNECT with this reason, then the stream ends.
  Packet expect_disconnect(uint8_t reason_code, Where where = Where::current());
  // Sends PINGREQ; the very next packet is PINGRESP: the connection lives, and nothing else was on its way.
  void expect_quiet(Where where = Where::current());
  // Like next(), but gives kNone without a failure when the stream ends.
  Packet next_or_end(Where where = Where::current());
  // Takes in what is here, without waiting; true where the stream has ended.
  bool has_ended();

  // Conversations.
  Packet connect(const ConnectOptions& options, Where where = Where::current());            // any CONNACK
  uint8_t subscribe(std::string_view filter, uint8_t qos, Where where = Where::current());  // the SUBACK code
  std::string subscribe(const FilterList& filters, Where where = Where::current());         // all of them
  std::string subscribe(const FilterList& filters, const Properties& properties, Where where = Where::current());
  uint8_t unsubscribe(std::string_view filter, Where where = Where::current());  // the UNSUBACK code; 0 before 5.0
  std::string unsubscribe(const std::vector<std::string>& filters, Where where = Where::current());
  // Publishes and takes the acknowledgements of its QoS. PUBLISH packets that come in between wait for next(). In 5.0 a
  // refusal is a failure.
  void publish(std::string_view topic, std::string_view payload, uint8_t qos = 0, bool retain = false,
               Where where = Where::current());
  // The same with any options but the packet id. Gives the reason code of PUBACK or PUBREC, refusals too.
  uint8_t publish(std::string_view topic, std::string_view payload, const PublishOptions& options,
                  Where where = Where::current());
  // Publishes "<first>" to "<last>" at QoS 1, as many at once as the server allows, and takes all PUBACKs in order.
  void publish_numbered(std::string_view topic, int first, int last, Where where = Where::current());
  // The next packet is a PUBLISH with this topic and payload; acknowledges it to the end of its QoS.
  Packet expect_message(std::string_view topic, std::string_view payload, Where where = Where::current());
  // The next PUBLISH, whatever it holds, acknowledged to the end of its QoS.
  Packet take_message(Where where = Where::current());
  // Every PUBLISH that comes before the answer to a PINGREQ, acknowledged to the end of its QoS.
  std::vector<Packet> take_messages(Where where = Where::current());
  void acknowledge(const Packet& publish, Where where = Where::current());

  void disconnect(Where where = Where::current());  // DISCONNECT, then waits for the server to close
  void disconnect(uint8_t reason_code, const Properties& properties = {}, Where where = Where::current());  // of 5.0
  void drop();   // closes the socket without a word
  void reset();  // the same with RST

  uint16_t fresh_packet_id();
  bool broken() const { return broken_; }
  uint64_t bytes_received() const { return bytes_received_; }
  int socket() const { return transport_->socket(); }
  const Packet& connack() const { return connack_; }
  // Of the server: how many messages at QoS 1 and 2 it takes at once. No limit but that of the packet ids before 5.0.
  uint16_t receive_maximum() const;

 private:
  void open(Endpoint endpoint, int receive_buffer_bytes, Where where);
  Transport::Read read_more(std::chrono::milliseconds patience);
  Packet next_from_wire(Where where, bool end_is_fine);
  Packet expect_past_publishes(Type type, uint16_t packet_id, Where where);
  void fail(const std::string& what, Where where);

  std::unique_ptr<Transport> transport_;
  uint8_t level_ = kLevel311;
  bool broken_ = false;
  uint16_t last_packet_id_ = 0;
  uint64_t bytes_received_ = 0;
  std::string inbox_;
  size_t inbox_begin_ = 0;
  std::deque<Packet> waiting_;  // PUBLISHes that arrived while an acknowledgement was awaited
  Packet connack_;
  ConnectionRules rules_;
};

}  // namespace penstock::test
