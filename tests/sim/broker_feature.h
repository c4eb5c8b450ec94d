// Feature: one kind of trouble or of use that a simulated broker may meet. Each seed draws its own subset (swarm
// testing): most are off in most seeds, so that those that are on are not drowned, and rare combinations meet.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace penstock::sim {

enum class Feature : uint8_t {
  // How lives end.
  kPowerCuts,
  kKills,
  kCleanStops,
  kLayoutChanges,
  // The disk.
  kTornSectors,
  kSlowDisk,
  kShortOperations,
  kNoDirectWrites,
  kReadErrors,
  kWriteErrors,
  kSyncErrors,
  kDiskFull,
  kDamageAtRest,
  // Clock and processors.
  kClockJumps,
  kClockDrift,
  kStalls,
  // Settings of the broker.
  kManyShards,
  kWeakDurability,
  kRetention,
  kSessionExpiry,
  kQueueQos0,
  kSmallWindow,
  kFrequentCheckpoints,
  // Connections.
  kCuts,
  kCutsAtByte,
  kVanishing,
  kLeaving,
  kTakeOvers,
  kSilence,
  kSlowReaders,
  kStrangers,
  // What clients do.
  kWills,
  kRetained,
  kHugeMessages,
  kFloods,
  kLazyAcknowledgements,
  kResubscribing,
  kCleanSessions,
  kFewPacketIds,
  // Between them and the broker.
  kLayers,
  kMqtt5,
  // Topics that are more than a name.
  kGroups,
  kP2p,
  // Who costs memory.
  kGreedyClient,
  kCount,
};
constexpr size_t kFeatures = static_cast<size_t>(Feature::kCount);
static_assert(kFeatures <= 64);

const char* name_of(Feature feature);
std::optional<Feature> feature_named(std::string_view name);

class FeatureSet {
 public:
  bool has(Feature feature) const { return (bits_ >> static_cast<size_t>(feature) & 1) != 0; }
  void add(Feature feature) { bits_ |= uint64_t{1} << static_cast<size_t>(feature); }
  void remove(Feature feature) { bits_ &= ~(uint64_t{1} << static_cast<size_t>(feature)); }
  bool operator==(const FeatureSet&) const = default;
  std::string names() const;  // with blanks between them

 private:
  uint64_t bits_ = 0;
};

}  // namespace penstock::sim
