// The simulated network itself: keeps the promises of core/network.h, and uses every freedom that they leave.
#include <gtest/gtest.h>

#include <cerrno>
#include <deque>
#include <memory>
#include <set>

#include "core/check.h"
#include "tests/sim/sim_network.h"
#include "tests/sim/sim_peer.h"
#include "tests/sim/world_on_failure.h"

namespace penstock::sim {
namespace {

using core::Bytes;
using core::SocketId;

// Echoes what it receives. Checks the order of events that the header promises.
class Echo final : public core::StreamHandler {
 public:
  void attach(SimNetwork& network, SocketId socket) {
    network_ = &network;
    socket_ = socket;
    detached = false;
    paused_ = false;
    network.attach(socket, *this);
  }
  void on_received(Bytes bytes) override {
    ASSERT_FALSE(ended || closing || closed || detached);
    if (paused_) ++late;
    received += bytes.size();
    waiting_.append(core::as_text(bytes));
    if (!detaching) push();
  }
  void on_sent() override {
    ASSERT_TRUE(sending_ && !closed && !closing);
    sending_.reset();
    if (wants_detach) return detach();
    push();
  }
  void on_ended(int error) override {
    ASSERT_FALSE(ended || closed || closing || detaching);
    ended = true;
    ended_with = error;
    if (closes_at_end) close();
  }
  void on_closed() override {
    ASSERT_TRUE(closing && !closed);
    closed = true;
    sending_.reset();
  }
  void on_detached() override {
    ASSERT_TRUE(detaching && !detached);
    detaching = false;
    detached = true;
  }
  void pause() {
    paused_ = true;
    network_->pause(socket_);
  }
  void resume() {
    paused_ = false;
    network_->resume(socket_);
  }
  void close() {
    closing = true;
    network_->close(socket_);
  }
  void want_detach() {
    wants_detach = true;
    if (!sending_) detach();
  }
  void push() {
    if (sending_ || waiting_.empty() || closing || !echoes) return;
    sending_ = std::make_unique<std::string>(std::exchange(waiting_, {}));
    const size_t half = sending_->size() / 2;  // two buffers, one of them possibly empty
    const iovec buffers[] = {{sending_->data(), half}, {sending_->data() + half, sending_->size() - half}};
    network_->send(socket_, buffers);
  }
  bool sending() const { return sending_ != nullptr; }
  bool paused() const { return paused_; }
  SocketId socket() const { return socket_; }

  bool echoes = true;
  bool closes_at_end = true;
  bool wants_detach = false;
  bool ended = false, closing = false, closed = false, detaching = false, detached = false;
  int ended_with = -1;
  size_t late = 0;
  size_t received = 0;

 private:
  void detach() {
    wants_detach = false;
    detaching = true;
    network_->detach(socket_);
  }
  SimNetwork* network_ = nullptr;
  SocketId socket_;
  bool paused_ = false;
  std::string waiting_;
  std::unique_ptr<std::string> sending_;
};

struct Host final : core::AcceptHandler {
  explicit Host(uint64_t seed) : world(seed), on_failure(world) {
    port = network.listen({"127.0.0.1", 0}, *this)->port;
  }
  void on_accepted(SocketId socket) override {
    echoes.push_back(std::make_unique<Echo>());
    echoes.back()->echoes = echo;
    echoes.back()->closes_at_end = closes_at_end;
    echoes.back()->attach(network, socket);
  }
  void run() {
    while (world.step()) {
    }
  }
  Echo& only() {
    CHECK_EQ(echoes.size(), 1u);
    return *echoes.front();
  }
  SimWorld world;
  SimHub hub{world};
  std::deque<std::unique_ptr<Echo>> echoes;
  SimNetwork network{hub};
  SimNetwork other{hub};
  WorldOnFailure on_failure;
  bool echo = true;
  bool closes_at_end = true;
  uint16_t port = 0;
};

std::string text_of(size_t bytes, uint64_t seed) {
  core::SeededRandom random(seed);
  std::string text(bytes, ' ');
  for (char& c : text) c = static_cast<char>('a' + random.below(26));
  return text;
}

TEST(sim_network, keeps_all_bytes_in_order_over_pauses_and_hand_over) {
  size_t late = 0, moves = 0;
  for_each_seed(300, [&](uint64_t seed) {
    Host host(seed);
    core::SeededRandom& random = host.world.random();
    SimPeer peer(host.hub, "peer",
                 {.to_broker_bytes = random.below(5000) + 1, .to_peer_bytes = random.below(5000) + 1});
    const std::string text = text_of(random.below(30000) + 1, seed);
    peer.connect(host.port);
    peer.send(text);
    bool elsewhere = false;
    for (size_t steps = 0; peer.received().size() < text.size(); ++steps) {
      ASSERT_LT(steps, 1'000'000u);
      host.world.step();
      if (host.echoes.empty()) continue;
      Echo& echo = *host.echoes.front();
      if (echo.detached) {
        elsewhere = !elsewhere;
        ++moves;
        echo.attach(elsewhere ? host.other : host.network, echo.socket());
        echo.push();
      } else if (!echo.detaching && random.chance(1, 30)) {
        echo.paused() ? echo.resume() : echo.pause();
      } else if (!echo.detaching && !echo.wants_detach && random.chance(1, 50)) {
        echo.want_detach();
      }
    }
    ASSERT_EQ(peer.received(), text);
    late += host.echoes.front()->late;
  });
  EXPECT_GT(late, 10u) << "bytes after pause() must come about";
  EXPECT_GT(moves, 100u);
}

TEST(sim_network, peer_that_closes_is_echoed_to_the_end_and_all_is_closed) {
  for_each_seed(100, [](uint64_t seed) {
    Host host(seed);
    host.closes_at_end = false;
    SimPeer peer(host.hub, "peer");
    peer.connect(host.port);
    const std::string text = text_of(5000, seed);
    peer.send(text);
    peer.close();
    while (host.echoes.empty() || !host.only().ended || host.only().sending()) ASSERT_TRUE(host.world.step());
    EXPECT_EQ(host.only().ended_with, 0);
    host.only().close();
    host.run();
    ASSERT_EQ(peer.received(), text);
    ASSERT_EQ(peer.state(), SimPeer::State::kEnded);
    ASSERT_TRUE(host.only().closed);
    ASSERT_EQ(host.hub.broker_sockets(), 0u);
  });
}

TEST(sim_network, cut_happens_at_exactly_the_byte_asked_for) {
  for_each_seed(200, [](uint64_t seed) {
    Host host(seed);
    SimPeer peer(host.hub, "peer");
    const uint64_t cut = seed % 100;
    peer.connect(host.port);
    peer.cut_after_sending(cut);
    peer.send(text_of(1000, seed));
    host.run();
    ASSERT_LE(host.only().received, cut);
    ASSERT_EQ(host.only().ended_with, ECONNRESET);
    ASSERT_TRUE(host.only().closed);
    ASSERT_EQ(peer.state(), SimPeer::State::kEnded);
  });
}

TEST(sim_network, peer_that_reads_nothing_holds_up_the_send_and_no_more) {
  Host host(3);
  SimPeer peer(host.hub, "peer", {.to_broker_bytes = 4000, .to_peer_bytes = 1000});
  peer.stop_reading();
  peer.connect(host.port);
  peer.send(text_of(3000, 1));
  host.run();
  EXPECT_TRUE(host.only().sending());
  EXPECT_EQ(peer.received_bytes(), 0u);
  peer.read_slowly(100, 10 * core::kNsPerMs);
  const int64_t start = host.world.clock().monotonic_ns();
  host.run();
  EXPECT_EQ(peer.received(), text_of(3000, 1));
  EXPECT_GE(host.world.clock().monotonic_ns() - start, 290 * core::kNsPerMs);
}

TEST(sim_network, close_ends_a_send_that_nobody_takes) {
  Host host(4);
  SimPeer peer(host.hub, "peer", {.to_peer_bytes = 10});
  peer.stop_reading();
  peer.connect(host.port);
  peer.send(text_of(3000, 1));
  host.run();
  ASSERT_TRUE(host.only().sending());
  host.only().close();
  host.run();
  EXPECT_TRUE(host.only().closed);
}

TEST(sim_network, peer_that_vanished_is_never_told_of) {
  Host host(5);
  SimPeer peer(host.hub, "peer");
  peer.connect(host.port);
  peer.send("x");
  host.run();
  ASSERT_EQ(peer.received(), "x");
  peer.vanish();
  peer.send("y");
  host.run();
  EXPECT_FALSE(host.only().ended);
  EXPECT_EQ(host.only().received, 1u);
  host.only().close();
  host.run();
  EXPECT_TRUE(host.only().closed) << "our own close needs no peer";
}

TEST(sim_network, listeners_of_several_shards_share_a_port) {
  Host host(6);
  struct Count final : core::AcceptHandler {
    void on_accepted(SocketId) override { ++count; }
    size_t count = 0;
  } second;
  ASSERT_EQ(host.other.listen({"127.0.0.1", host.port}, second)->port, host.port);
  std::deque<SimPeer> peers;
  for (int i = 0; i < 40; ++i) peers.emplace_back(host.hub, "peer").connect(host.port);
  host.run();
  EXPECT_GT(second.count, 5u);
  EXPECT_EQ(second.count + host.echoes.size(), 40u);
  host.network.stop_listening();
  host.other.stop_listening();
  SimPeer late(host.hub, "late");
  late.connect(host.port);
  host.run();
  EXPECT_EQ(late.state(), SimPeer::State::kRefused);
}

TEST(sim_network, killed_process_delivers_what_it_gave_to_the_kernel) {
  for_each_seed(50, [](uint64_t seed) {
    Host host(seed);
    SimPeer peer(host.hub, "peer");
    peer.connect(host.port);
    peer.send("hello");
    while (host.echoes.empty() || host.only().received < 5 || host.only().sending()) ASSERT_TRUE(host.world.step());
    host.network.die(SimNetwork::Death::kKilled);
    host.run();
    ASSERT_EQ(peer.received(), "hello");
    ASSERT_EQ(peer.state(), SimPeer::State::kEnded);
    ASSERT_FALSE(host.only().closed) << "nobody is called after death";
  });
}

TEST(sim_network, power_cut_leaves_the_peer_waiting) {
  Host host(7);
  SimPeer peer(host.hub, "peer");
  peer.connect(host.port);
  peer.send("hello");
  host.run();
  host.network.die(SimNetwork::Death::kPowerCut);
  peer.send("hello?");
  host.run();
  EXPECT_EQ(peer.state(), SimPeer::State::kConnected);
  EXPECT_EQ(peer.received(), "hello");
}

TEST(sim_network_death_test, second_send_before_on_sent_is_our_own_mistake) {
  Host host(8);
  host.echo = false;
  SimPeer peer(host.hub, "peer");
  peer.connect(host.port);
  host.run();
  char byte = 'x';
  const iovec buffer{&byte, 1};
  host.network.send(host.only().socket(), {&buffer, 1});
  EXPECT_DEATH(host.network.send(host.only().socket(), {&buffer, 1}), "CHECK failed");
}

TEST(sim_clock, jumps_and_drifts_on_the_wall_only) {
  SimWorld world(1);
  SimClock& clock = world.clock();
  const int64_t wall = clock.wall_us(), monotonic = clock.monotonic_ns();
  clock.jump_wall(-3'600 * core::kUsPerSecond);
  world.run_for(core::kNsPerSecond);
  EXPECT_EQ(clock.wall_us(), wall - 3'599 * core::kUsPerSecond);
  EXPECT_EQ(clock.monotonic_ns(), monotonic + core::kNsPerSecond);
  clock.set_drift(1000);
  world.run_for(10 * core::kNsPerSecond);
  EXPECT_EQ(clock.wall_us(), wall - 3'589 * core::kUsPerSecond + 10'000);
}

}  // namespace
}  // namespace penstock::sim
