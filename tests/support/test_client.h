// TestClient: a blocking MQTT client over plain TCP with control of every byte. A step that does not happen within
// kPatience is a failure of the running test, reported at the caller's line; the client is broken from then on and
// its further steps return at once, so a test reads as a straight line. One thread at a time. It never answers by
// itself: acknowledgements are sent by the test, or by the methods that say so.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <source_location>
#include <string>
#include <string_view>

#include "tests/support/wire.h"

namespace penstock::test {

using Where = std::source_location;

// Only ever the limit after which a test fails; nothing passes because time went by.
constexpr std::chrono::seconds kPatience{60};

class TestClient {
 public:
  explicit TestClient(uint16_t port, int receive_buffer_bytes = 0, Where where = Where::current());
  // Opens, sends CONNECT and expects CONNACK with code 0.
  TestClient(uint16_t port, const ConnectOptions& options, Where where = Where::current());
  ~TestClient();
  TestClient(TestClient&& other) noexcept;
  TestClient& operator=(TestClient&& other) noexcept;

  // Bytes and packets.
  void send(std::string_view bytes, Where where = Where::current());
  // False where the peer has closed: for tests that expect it.
  bool try_send(std::string_view bytes);
  Packet next(Where where = Where::current());               // the next packet, whatever it is
  Packet expect(Type type, Where where = Where::current());  // the next packet must be of this type
  Packet expect(Type type, uint16_t packet_id, Where where = Where::current());
  // The next thing is the end of the stream (FIN or RST).
  void expect_closed(Where where = Where::current());
  // Reads on to the end of the stream; gives the packets that came before.
  std::deque<Packet> drain_until_closed(Where where = Where::current());
  // Sends PINGREQ; the very next packet is PINGRESP: the connection lives, and nothing else was on its way.
  void expect_quiet(Where where = Where::current());
  // Like next(), but gives kNone without a failure when the stream ends.
  Packet next_or_end(Where where = Where::current());

  // Conversations.
  Packet connect(const ConnectOptions& options, Where where = Where::current());            // any CONNACK
  uint8_t subscribe(std::string_view filter, uint8_t qos, Where where = Where::current());  // the SUBACK code
  std::string subscribe(const FilterList& filters, Where where = Where::current());         // all of them
  void unsubscribe(std::string_view filter, Where where = Where::current());
  // Publishes and takes the acknowledgements of its QoS. PUBLISH packets that come in between wait for next().
  void publish(std::string_view topic, std::string_view payload, uint8_t qos = 0, bool retain = false,
               Where where = Where::current());
  // The next packet is a PUBLISH with this topic and payload; acknowledges it to the end of its QoS.
  Packet expect_message(std::string_view topic, std::string_view payload, Where where = Where::current());
  // The next PUBLISH, whatever it holds, acknowledged to the end of its QoS.
  Packet take_message(Where where = Where::current());
  void acknowledge(const Packet& publish, Where where = Where::current());

  void disconnect(Where where = Where::current());  // DISCONNECT, then waits for the server to close
  void drop();                                      // closes the socket without a word
  void reset();                                     // the same with RST

  uint16_t fresh_packet_id();
  bool broken() const { return broken_; }
  uint64_t bytes_received() const { return bytes_received_; }
  int socket() const { return socket_; }

 private:
  enum class Read : uint8_t { kBytes, kEnd, kTimeout };

  void open(uint16_t port, int receive_buffer_bytes, Where where);
  Read read_more();
  Packet next_from_wire(Where where, bool end_is_fine);
  Packet expect_past_publishes(Type type, uint16_t packet_id, Where where);
  void fail(const std::string& what, Where where);

  int socket_ = -1;
  bool broken_ = false;
  uint16_t last_packet_id_ = 0;
  uint64_t bytes_received_ = 0;
  std::string inbox_;
  size_t inbox_begin_ = 0;
  std::deque<Packet> waiting_;  // PUBLISHes that arrived while an acknowledgement was awaited
};

}  // namespace penstock::test
