// ReliableClient: MQTT clients that do everything the standard asks of a client with a persisted session, so that
// whatever is lost, repeated or out of order is the broker's doing. They never block; a Rig polls them, on one thread.
// Their state outlives every connection, as a real client's would on its disk. They check what they see and report it
// as failures of the running test, at most kReportsMax each.
//
// The payload of a message is "<publisher name> <number> <filler>"; a publisher numbers from 1 on one topic of its own.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/random.h"
#include "tests/support/wire.h"

namespace penstock::test {

constexpr int kReportsMax = 5;

class ReliableClient {
 public:
  explicit ReliableClient(std::string client_id) : client_id_(std::move(client_id)) {}
  virtual ~ReliableClient();
  ReliableClient(const ReliableClient&) = delete;
  ReliableClient& operator=(const ReliableClient&) = delete;

  const std::string& client_id() const { return client_id_; }
  // Opens a connection and sends CONNECT. False where nobody listens.
  bool open(uint16_t port);
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
  virtual void on_established() = 0;
  virtual void on_packet(const Packet& packet) = 0;

  void queue(std::string_view bytes) { out_ += bytes; }
  void report(const std::string& what);

 private:
  static constexpr size_t kOutputBytesMax = 256u << 10;

  void on_connack(const Packet& connack);

  std::string client_id_;
  int socket_ = -1;
  bool established_ = false;
  bool session_exists_ = false;  // a CONNACK came once: from then on the broker has to know the session
  int reports_ = 0;
  std::string in_;
  std::string out_;
  size_t out_begin_ = 0;
};

class ReliablePublisher : public ReliableClient {
 public:
  ReliablePublisher(std::string name, std::string topic, uint8_t qos, uint64_t seed);

  // Publishes this many more; 0 stops new ones.
  void allow(uint64_t count) { allowed_ = published_ + count; }
  uint64_t published() const { return published_; }
  uint64_t acknowledged() const { return acknowledged_; }
  bool done() const { return published_ == allowed_ && window_.empty(); }
  uint8_t qos() const { return qos_; }
  // How often the number was sent again, each of which a subscriber may see at QoS 1.
  uint32_t resends(uint64_t number) const;
  static std::string payload(std::string_view name, uint64_t number);

  void on_turn() override;

 protected:
  void on_established() override;
  void on_packet(const Packet& packet) override;

 private:
  struct Outstanding {
    uint16_t packet_id;
    uint64_t number;
    bool released;  // PUBREC came, PUBREL is out
  };

  uint16_t free_packet_id();

  std::string topic_;
  uint8_t qos_;
  core::SeededRandom random_;
  uint64_t allowed_ = 0;
  uint64_t published_ = 0;
  uint64_t acknowledged_ = 0;  // PUBACK or PUBREC came
  uint16_t last_packet_id_ = 0;
  std::deque<Outstanding> window_;  // in the order of first sending
  std::map<uint64_t, uint32_t> resends_;
};

class ReliableSubscriber : public ReliableClient {
 public:
  ReliableSubscriber(std::string client_id, FilterList filters)
      : ReliableClient(std::move(client_id)), filters_(std::move(filters)) {}

  void expect_from(const ReliablePublisher& publisher) { streams_[publisher.client_id()].publisher = &publisher; }
  bool subscribed() const { return subscribed_; }
  // Has everything that was published so far.
  bool complete() const;
  uint64_t received() const { return received_; }
  // No QoS 2 exchange is half done.
  bool settled() const { return unreleased_.empty(); }
  std::string missing() const;

 protected:
  void on_established() override;
  void on_packet(const Packet& packet) override;

 private:
  struct Stream {
    const ReliablePublisher* publisher = nullptr;
    uint64_t seen_max = 0;
    uint64_t previous = 0;
    std::map<uint64_t, uint32_t> repeats;  // deliveries after the first that were not marked DUP
  };

  void on_publish(const Packet& packet);
  void check(const Packet& packet);
  void check_order(Stream& stream, uint64_t number, const Packet& packet);

  FilterList filters_;
  bool subscribed_ = false;
  uint64_t received_ = 0;
  std::set<uint16_t> unreleased_;  // QoS 2 ids between PUBLISH and PUBREL
  std::map<std::string, Stream, std::less<>> streams_;
};

// Runs the clients: reads, writes, lets publishers publish.
class Rig {
 public:
  void add(ReliableClient& client) { clients_.push_back(&client); }
  void open_all(uint16_t port);
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
