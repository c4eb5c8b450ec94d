// ReliableSubscriber: subscribes once, acknowledges all that comes, and checks it: nothing lost, nothing at QoS 2
// twice, everything in order and as it was published, in 5.0 with its properties. A Rig runs it (reliable_client.h).
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "tests/system/reliable_publisher.h"

namespace penstock::test {

class ReliableSubscriber : public ReliableClient {
 public:
  ReliableSubscriber(std::string client_id, ClientKind kind, FilterList filters)
      : ReliableClient(std::move(client_id), kind), filters_(std::move(filters)) {}

  void expect_from(const ReliablePublisher& publisher) { streams_[publisher.client_id()].publisher = &publisher; }
  bool subscribed() const { return subscribed_; }
  // Has everything that was published so far.
  bool complete() const;
  uint64_t received() const { return received_; }
  // No QoS 2 exchange is half done.
  bool settled() const { return unreleased_.empty(); }
  std::string missing() const;

 protected:
  Properties connect_properties() const override;
  void on_established(const Packet& connack) override;
  void on_packet(const Packet& packet) override;

 private:
  struct Stream {
    const ReliablePublisher* publisher = nullptr;
    uint64_t seen_max = 0;
    uint64_t previous = 0;
    std::map<uint64_t, uint32_t> repeats;  // deliveries after the first that were not marked DUP
  };

  void on_suback(const Packet& suback);
  void on_publish(const Packet& packet);
  void check(const Packet& packet);
  bool is_as_published(const ReliablePublisher& publisher, uint64_t number, const Packet& packet) const;
  void check_order(Stream& stream, uint64_t number, const Packet& packet);

  FilterList filters_;
  bool subscribed_ = false;
  uint64_t received_ = 0;
  std::set<uint16_t> unreleased_;  // QoS 2 ids between PUBLISH and PUBREL
  std::map<std::string, Stream, std::less<>> streams_;
};

}  // namespace penstock::test
