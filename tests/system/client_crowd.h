// ClientCrowd: the reliable clients of the tests that take a broker away under load: publishers, and subscribers that
// are online, that name each topic, that come and go, and that stay away until the end. As many of each as there are
// kinds of clients, and at least four; who of the subscribers plays which part is drawn. Whatever is lost, comes twice
// at QoS 2 or out of order is a failure of the running test. One thread; the broker comes and goes.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/random.h"
#include "tests/system/reliable_subscriber.h"

namespace penstock::test {

// Who publishes and who subscribes.
struct Load {
  const char* name;
  uint8_t publish_qos;  // 1, 2, or 0 for both kinds together
  uint8_t subscribe_qos;
};

constexpr Load kQos1Load{"qos_1", 1, 1};
constexpr Load kQos2Load{"qos_2", 2, 2};
constexpr Load kMixedLoad{"mixed", 0, 2};

class ClientCrowd {
 public:
  ClientCrowd(const Load& load, core::SeededRandom& random, const std::vector<ClientKind>& kinds = {ClientKind{}});

  // Everybody connects and subscribes, then those go away who are offline.
  void subscribe_all(const BrokerProcess& broker);
  void connect_all_but_offline(const BrokerProcess& broker);
  void offline_leave();
  void all_subscribers_leave();
  // Publishes so many more from each publisher.
  void allow(uint64_t count);
  void run_for_ms(int64_t duration_ms) { rig_.run_for_ms(duration_ms); }
  // Publishes a little, until every publisher has an acknowledgement and everybody who is online a message.
  void warm_up();
  void lose_all() { rig_.lose_all(); }
  // Connects everybody, publishes so many more from each, and waits until everybody has everything.
  void drain(const BrokerProcess& broker, uint64_t count);
  // Fails where clients of some kind have published nothing, or received nothing.
  void expect_all_kinds_took_part() const;

  // What subscribers that do not come and go have received, and how many messages that is if each gets one of each
  // publisher.
  uint64_t received() const;
  uint64_t received_of_one_each() const;
  uint64_t acknowledged() const;
  std::string published_text() const;  // one number for each publisher
  Rig& rig() { return rig_; }

 private:
  enum class Part : uint8_t { kOnline, kByTopic, kComingAndGoing, kOffline };
  struct Subscriber {
    Part part;
    std::unique_ptr<ReliableSubscriber> client;
  };

  void add_publisher(const Load& load, size_t index, ClientKind kind);
  void add_subscriber(const Load& load, Part part, size_t index, ClientKind kind);
  uint64_t progress() const;
  bool finished() const;

  core::SeededRandom& random_;
  std::vector<ClientKind> kinds_;
  std::vector<std::unique_ptr<ReliablePublisher>> publishers_;
  std::vector<Subscriber> subscribers_;
  Rig rig_;
};

}  // namespace penstock::test
