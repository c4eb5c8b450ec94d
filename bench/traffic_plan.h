// TrafficPlan: what all workers of one traffic run share: who publishes on which topic, who subscribes to what, and how
// far each publisher's messages have come. The plan is made before the workers start; only the atomics change.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "bench/counters.h"
#include "bench/payload.h"
#include "bench/settings.h"
#include "bench/target.h"

namespace penstock::bench {

// A publisher's lead over its subscribers: `sent` is written by its worker, `resolved` by all workers that receive.
// On a cache line of its own: two cores touch it.
struct alignas(64) PublisherLead {
  std::atomic<uint64_t> sent{0};      // messages
  std::atomic<uint64_t> resolved{0};  // deliveries

  void resolve(uint64_t count, bool one_thread) {
    if (one_thread) {
      resolved.store(resolved.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
    } else {
      resolved.fetch_add(count, std::memory_order_relaxed);
    }
  }
};

class TrafficPlan {
 public:
  TrafficPlan(const Settings& run_settings, const Target& run_target);

  // Each subscriber gets the messages of publishers [first, first + publishers_per_subscriber()).
  uint32_t first_publisher(uint32_t subscriber) const { return own_topics() ? subscriber : 0; }
  uint32_t publishers_per_subscriber() const { return own_topics() ? 1 : settings.publishers; }
  // How many checked deliveries one publish causes.
  uint32_t receivers() const { return own_topics() ? 1 : settings.subscribers; }

  std::string topic(uint32_t publisher) const;
  // Slow subscribers are numbered after the others.
  std::string filter(uint32_t subscriber) const;
  // Where nobody publishes, beside where somebody does: on the way there, under it, and one that wildcards lead to.
  std::string bystander_filter(uint64_t number) const;
  uint32_t worker_of_publisher(uint32_t publisher) const { return publisher % settings.threads; }
  // A pair lives on one thread, so that its window needs no other.
  uint32_t worker_of_subscriber(uint32_t subscriber) const { return subscriber % settings.threads; }

  bool checks_payload() const { return settings.payload_bytes >= kPayloadHeaderBytes; }
  bool one_thread() const { return settings.threads == 1; }
  size_t packet_bytes_max() const { return settings.payload_bytes + settings.topic_prefix.size() + 64; }

  const Settings& settings;
  const Target& target;
  const PayloadPattern pattern;
  const std::unique_ptr<PublisherLead[]> leads;
  // Set by the main thread before it commands the workers to publish.
  MeasuredSpan span;
  int64_t start_ns = 0;

 private:
  bool own_topics() const;
};

}  // namespace penstock::bench
