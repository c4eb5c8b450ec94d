// ClientCrowd: the reliable clients of the tests that take a broker away under load: four publishers, and subscribers
// that are online, that name each topic, that come and go, and one that stays away until the end. Whatever is lost,
// comes twice at QoS 2 or out of order is a failure of the running test. One thread; the broker comes and goes, and
// only its port is known here.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "core/random.h"
#include "tests/system/reliable_client.h"

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
  ClientCrowd(const Load& load, core::SeededRandom& random);

  // Everybody connects and subscribes, then one goes away.
  void subscribe_all(uint16_t port);
  void connect_all_but_offline(uint16_t port);
  // Publishes so many more from each publisher.
  void allow(uint64_t count);
  void run_for_ms(int64_t duration_ms) { rig_.run_for_ms(duration_ms); }
  void lose_all() { rig_.lose_all(); }
  // Connects everybody, publishes so many more from each, and waits until everybody has everything.
  void drain(uint16_t port, uint64_t count);

  // What all subscribers but the one that comes and goes have received.
  uint64_t received() const { return online_.received() + by_topic_.received() + offline_.received(); }
  uint64_t acknowledged() const;
  std::string published_text() const;  // one number for each publisher
  size_t publisher_count() const { return publishers_.size(); }
  std::array<ReliableSubscriber*, 4> subscribers() { return {&online_, &by_topic_, &coming_and_going_, &offline_}; }
  Rig& rig() { return rig_; }

 private:
  uint64_t progress();
  bool finished();

  core::SeededRandom& random_;
  std::vector<std::unique_ptr<ReliablePublisher>> publishers_;
  ReliableSubscriber online_;
  ReliableSubscriber by_topic_;
  ReliableSubscriber coming_and_going_;
  ReliableSubscriber offline_;
  Rig rig_;
};

}  // namespace penstock::test
