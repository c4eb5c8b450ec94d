// ConsumeQueueTest: queues and their QueueFile on a simulated disk, filled with entries that tell their index. The base
// of the tests of one queue, of its index files and of its image in a checkpoint.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "log/consume_queue.h"
#include "tests/sim/sim_storage.h"
#include "tests/sim/world_on_failure.h"

namespace penstock::log {

using Peek = ConsumeQueue::Peek;
using sim::DiskAction;

constexpr const char* kDirectory = "/data/shard-0";
constexpr uint64_t kPage = kQueuePageEntries;

inline QueueEntry entry_of(uint64_t n) {
  return {n * 3, LogId(7), LogOffset(n * 64), static_cast<uint8_t>(n % 3)};
}

inline void append(ConsumeQueue& queue, uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) queue.append(entry_of(queue.end().value()));
}

class ConsumeQueueTest : public testing::Test {
 protected:
  struct Waiter final : PageWaiter {
    void on_page_ready() override {
      ++told;
      if (then) then();
    }
    int told = 0;
    std::function<void()> then;
  };

  ConsumeQueueTest() {
    EXPECT_TRUE(storage.make_directories(kDirectory));
    options.directory = kDirectory;
    options.batch_pages = 1;
    options.pages_kept = 2;
    options.report = [this](std::string what) { reports.push_back(std::move(what)); };
  }
  void settle() {
    while (world.step()) {
    }
  }
  // Entry at `index`, waiting for its page.
  Peek read(ConsumeQueue& queue, uint64_t index, QueueEntry& out) {
    Waiter waiter;
    while (true) {
      const Peek peek = queue.peek(QueueIndex(index), out, waiter);
      if (peek != Peek::kPending) return peek;
      waiter.told = 0;
      while (waiter.told == 0) {
        if (!world.step()) {
          ADD_FAILURE() << "never told about index " << index;
          return Peek::kGone;
        }
      }
    }
  }
  void expect_all(ConsumeQueue& queue) {
    for (uint64_t i = queue.begin().value(); i < queue.end().value(); ++i) {
      QueueEntry entry;
      ASSERT_EQ(read(queue, i, entry), Peek::kReady) << i;
      ASSERT_EQ(entry, entry_of(i)) << i;
    }
  }
  std::string first_file() const { return std::string(kDirectory) + "/queue-0.pages"; }

  sim::SimWorld world{1};
  sim::WorldOnFailure on_failure{world};
  sim::SimStorage storage{world};
  QueueFile::Options options;  // pages are written one by one, unless a test says otherwise
  std::vector<std::string> reports;
};

}  // namespace penstock::log
