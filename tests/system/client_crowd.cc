#include "tests/system/client_crowd.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace penstock::test {
namespace {

constexpr int kDrainPatienceS = 60;
constexpr int kSubscribePatienceS = 60;

}  // namespace

ClientCrowd::ClientCrowd(const Load& load, core::SeededRandom& random)
    : random_(random),
      online_("online", {{"k/#", load.subscribe_qos}}),
      by_topic_("by topic", {{"k/0", load.subscribe_qos},
                             {"k/1", load.subscribe_qos},
                             {"k/2", load.subscribe_qos},
                             {"k/3", load.subscribe_qos}}),
      coming_and_going_("coming and going", {{"k/+", load.subscribe_qos}}),
      offline_("offline", {{"k/#", load.subscribe_qos}}) {
  for (uint64_t i = 0; i < 4; ++i) {
    const uint8_t qos = load.publish_qos != 0 ? load.publish_qos : i % 2 + 1;
    publishers_.push_back(std::make_unique<ReliablePublisher>("publisher" + std::to_string(i), "k/" + std::to_string(i),
                                                              qos, random_.next_u64()));
    for (ReliableSubscriber* subscriber : subscribers()) subscriber->expect_from(*publishers_.back());
    rig_.add(*publishers_.back());
  }
  for (ReliableSubscriber* subscriber : subscribers()) rig_.add(*subscriber);
}

void ClientCrowd::subscribe_all(uint16_t port) {
  rig_.open_all(port);
  ASSERT_TRUE(rig_.run_until(
      [&] {
        return std::ranges::all_of(subscribers(), &ReliableSubscriber::subscribed) &&
               std::ranges::all_of(publishers_, [](const auto& publisher) { return publisher->established(); });
      },
      kSubscribePatienceS));
  offline_.leave();
}

void ClientCrowd::connect_all_but_offline(uint16_t port) {
  for (auto& publisher : publishers_) publisher->open(port);
  online_.open(port);
  by_topic_.open(port);
  if (random_.chance(1, 2)) coming_and_going_.open(port);
}

void ClientCrowd::allow(uint64_t count) {
  for (auto& publisher : publishers_) publisher->allow(count);
}

uint64_t ClientCrowd::acknowledged() const {
  uint64_t sum = 0;
  for (const auto& publisher : publishers_) sum += publisher->acknowledged();
  return sum;
}

std::string ClientCrowd::published_text() const {
  std::string text;
  for (const auto& publisher : publishers_) text += std::to_string(publisher->published()) + ' ';
  return text;
}

uint64_t ClientCrowd::progress() {
  uint64_t sum = acknowledged();
  for (const ReliableSubscriber* subscriber : subscribers()) sum += subscriber->received();
  return sum;
}

bool ClientCrowd::finished() {
  return std::ranges::all_of(publishers_, [](const auto& publisher) { return publisher->done(); }) &&
         std::ranges::all_of(subscribers(), [](const ReliableSubscriber* subscriber) {
           return subscriber->complete() && subscriber->settled();
         });
}

void ClientCrowd::drain(uint16_t port, uint64_t count) {
  allow(count);
  rig_.open_all(port);
  // As long as it goes on at all: how fast is not a question here.
  for (uint64_t before = progress() - 1; before != progress();) {
    before = progress();
    if (rig_.run_until([&] { return finished() || testing::Test::HasFailure(); }, kDrainPatienceS)) return;
  }
  for (ReliableSubscriber* subscriber : subscribers()) {
    if (!subscriber->complete()) ADD_FAILURE() << "not everything arrived: " << subscriber->missing();
  }
  for (auto& publisher : publishers_) {
    EXPECT_TRUE(publisher->done()) << publisher->client_id() << ": " << publisher->acknowledged() << " of "
                                   << publisher->published() << " acknowledged";
  }
}

}  // namespace penstock::test
