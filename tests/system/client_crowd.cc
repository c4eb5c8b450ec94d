#include "tests/system/client_crowd.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace penstock::test {
namespace {

constexpr size_t kClientsMin = 4;
constexpr size_t kParts = 4;
constexpr const char* kPartNames[kParts] = {"online", "by_topic", "coming_and_going", "offline"};
constexpr int kPatienceS = 60;
constexpr uint64_t kWarmUpMessages = 20;

std::string topic_of(size_t publisher) {
  return "k/" + std::to_string(publisher);
}

}  // namespace

ClientCrowd::ClientCrowd(const Load& load, core::SeededRandom& random, const std::vector<ClientKind>& kinds)
    : random_(random), kinds_(kinds) {
  const size_t count = std::max(kinds.size(), kClientsMin);
  const auto first_part = static_cast<size_t>(random.below(kParts));
  for (size_t i = 0; i < count; ++i) add_publisher(load, i, kinds[i % kinds.size()]);
  for (size_t i = 0; i < count; ++i) {
    add_subscriber(load, static_cast<Part>((first_part + i) % kParts), i, kinds[i % kinds.size()]);
  }
}

void ClientCrowd::add_publisher(const Load& load, size_t index, ClientKind kind) {
  const uint8_t qos = load.publish_qos != 0 ? load.publish_qos : index % 2 + 1;
  publishers_.push_back(std::make_unique<ReliablePublisher>("publisher" + std::to_string(index) + '_' + name_of(kind),
                                                            kind, topic_of(index), qos, random_.next_u64()));
  rig_.add(*publishers_.back());
}

void ClientCrowd::add_subscriber(const Load& load, Part part, size_t index, ClientKind kind) {
  FilterList filters;
  if (part == Part::kByTopic) {
    for (size_t i = 0; i < publishers_.size(); ++i) filters.emplace_back(topic_of(i), load.subscribe_qos);
  } else {
    filters.emplace_back(part == Part::kComingAndGoing ? "k/+" : "k/#", load.subscribe_qos);
  }
  const std::string name = kPartNames[static_cast<size_t>(part)] + std::to_string(index) + '_' + name_of(kind);
  subscribers_.push_back({part, std::make_unique<ReliableSubscriber>(name, kind, std::move(filters))});
  for (const auto& publisher : publishers_) subscribers_.back().client->expect_from(*publisher);
  rig_.add(*subscribers_.back().client);
}

void ClientCrowd::subscribe_all(const BrokerProcess& broker) {
  rig_.open_all(broker);
  ASSERT_TRUE(rig_.run_until(
      [&] {
        return std::ranges::all_of(subscribers_, [](const auto& each) { return each.client->subscribed(); }) &&
               std::ranges::all_of(publishers_, [](const auto& publisher) { return publisher->established(); });
      },
      kPatienceS));
  offline_leave();
}

void ClientCrowd::offline_leave() {
  for (const Subscriber& each : subscribers_) {
    if (each.part == Part::kOffline) each.client->leave();
  }
}

void ClientCrowd::all_subscribers_leave() {
  for (const Subscriber& each : subscribers_) each.client->leave();
}

void ClientCrowd::connect_all_but_offline(const BrokerProcess& broker) {
  for (auto& publisher : publishers_) publisher->open(broker);
  for (const Subscriber& each : subscribers_) {
    if (each.part == Part::kOffline) continue;
    if (each.part != Part::kComingAndGoing || random_.chance(1, 2)) each.client->open(broker);
  }
}

void ClientCrowd::allow(uint64_t count) {
  for (auto& publisher : publishers_) publisher->allow(count);
}

void ClientCrowd::warm_up() {
  allow(kWarmUpMessages);
  EXPECT_TRUE(rig_.run_until(
      [&] {
        return std::ranges::all_of(publishers_, [](const auto& each) { return each->acknowledged() > 0; }) &&
               std::ranges::all_of(subscribers_, [](const Subscriber& each) {
                 return each.part == Part::kOffline || each.client->received() > 0;
               });
      },
      kPatienceS))
      << "some publisher has no acknowledgement, or some subscriber no message";
}

uint64_t ClientCrowd::received() const {
  uint64_t sum = 0;
  for (const Subscriber& each : subscribers_) {
    if (each.part != Part::kComingAndGoing) sum += each.client->received();
  }
  return sum;
}

uint64_t ClientCrowd::received_of_one_each() const {
  const auto receivers =
      std::ranges::count_if(subscribers_, [](const auto& each) { return each.part != Part::kComingAndGoing; });
  return static_cast<uint64_t>(receivers) * publishers_.size();
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

uint64_t ClientCrowd::progress() const {
  uint64_t sum = acknowledged();
  for (const Subscriber& each : subscribers_) sum += each.client->received();
  return sum;
}

bool ClientCrowd::finished() const {
  return std::ranges::all_of(publishers_, [](const auto& publisher) { return publisher->done(); }) &&
         std::ranges::all_of(subscribers_,
                             [](const Subscriber& each) { return each.client->complete() && each.client->settled(); });
}

void ClientCrowd::drain(const BrokerProcess& broker, uint64_t count) {
  allow(count);
  rig_.open_all(broker);
  // As long as it goes on at all: how fast is not a question here.
  for (uint64_t before = progress() - 1; before != progress();) {
    before = progress();
    if (rig_.run_until([&] { return finished() || testing::Test::HasFailure(); }, kPatienceS)) return;
  }
  for (const Subscriber& each : subscribers_) {
    if (!each.client->complete()) ADD_FAILURE() << "not everything arrived: " << each.client->missing();
  }
  for (auto& publisher : publishers_) {
    EXPECT_TRUE(publisher->done()) << publisher->client_id() << ": " << publisher->acknowledged() << " of "
                                   << publisher->published() << " acknowledged";
  }
}

void ClientCrowd::expect_all_kinds_took_part() const {
  std::map<ClientKind, uint64_t> published, received;
  for (const auto& publisher : publishers_) published[publisher->kind()] += publisher->acknowledged();
  for (const Subscriber& each : subscribers_) received[each.client->kind()] += each.client->received();
  for (const ClientKind& kind : kinds_) {
    EXPECT_GT(published[kind], 0u) << kind;
    EXPECT_GT(received[kind], 0u) << kind;
  }
}

}  // namespace penstock::test
