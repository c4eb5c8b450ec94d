#include "tests/sim/broker_feature.h"

namespace penstock::sim {
namespace {

constexpr const char* kNames[] = {
    "power-cuts",
    "kills",
    "clean-stops",
    "layout-changes",
    "torn-sectors",
    "slow-disk",
    "short-io",
    "no-direct-writes",
    "read-errors",
    "write-errors",
    "sync-errors",
    "disk-full",
    "damage",
    "clock-jumps",
    "clock-drift",
    "stalls",
    "many-shards",
    "weak-durability",
    "retention",
    "session-expiry",
    "queue-qos0",
    "small-window",
    "frequent-checkpoints",
    "cuts",
    "cuts-at-byte",
    "vanishing",
    "leaving",
    "take-overs",
    "silence",
    "slow-readers",
    "strangers",
    "wills",
    "retained",
    "huge-messages",
    "floods",
    "lazy-acknowledgements",
    "resubscribing",
    "clean-sessions",
    "few-packet-ids",
    "layers",
    "mqtt5",
    "groups",
    "p2p",
    "greedy-client",
};
static_assert(std::size(kNames) == kFeatures);

}  // namespace

const char* name_of(Feature feature) {
  return kNames[static_cast<size_t>(feature)];
}

std::optional<Feature> feature_named(std::string_view name) {
  for (size_t i = 0; i < kFeatures; ++i)
    if (name == kNames[i]) return static_cast<Feature>(i);
  return std::nullopt;
}

std::string FeatureSet::names() const {
  std::string all;
  for (size_t i = 0; i < kFeatures; ++i) {
    if (!has(static_cast<Feature>(i))) continue;
    if (!all.empty()) all += ' ';
    all += kNames[i];
  }
  return all;
}

}  // namespace penstock::sim
