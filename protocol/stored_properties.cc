// Picks what a message keeps out of its properties.
#include "protocol/stored_properties.h"

#include "core/check.h"
#include "protocol/property_writer.h"

namespace penstock::protocol {
namespace {

constexpr uint64_t bit(PropertyId id) {
  return uint64_t{1} << static_cast<unsigned>(id);
}
// What goes to every subscriber as it came. [MQTT5-3.3.2-4] [MQTT5-3.3.2-15] [MQTT5-3.3.2-16] [MQTT5-3.3.2-17]
// [MQTT5-3.3.2-20]
constexpr uint64_t kKept = bit(PropertyId::kPayloadFormatIndicator) | bit(PropertyId::kMessageExpiryInterval) |
                           bit(PropertyId::kContentType) | bit(PropertyId::kResponseTopic) |
                           bit(PropertyId::kCorrelationData) | bit(PropertyId::kUserProperty);

bool is_kept(const Property& property) {
  return (kKept & bit(property.id)) != 0;
}

// Those that are kept, as they lie.
struct KeptRun {
  core::Bytes bytes;  // from the first to the last
  core::Bytes expiry;
  bool contiguous = true;

  bool is_as_stored() const { return contiguous && (expiry.empty() || expiry.data() == bytes.data()); }
};

KeptRun find_kept(core::Bytes checked) {
  KeptRun run;
  PropertyReader reader(checked);
  for (Property property; reader.next(property);) {
    if (!is_kept(property)) continue;
    if (property.id == PropertyId::kMessageExpiryInterval) run.expiry = property.wire;
    if (run.bytes.empty()) run.bytes = property.wire.first(0);
    const std::byte* const end = property.wire.data() + property.wire.size();
    if (run.bytes.data() + run.bytes.size() != property.wire.data()) run.contiguous = false;
    run.bytes = {run.bytes.data(), end};
  }
  return run;
}

}  // namespace

core::Bytes rearrange_properties(core::Bytes checked, core::MutableBytes scratch) {
  const KeptRun run = find_kept(checked);
  if (run.is_as_stored()) return run.bytes;
  CHECK_GE(scratch.size(), checked.size());
  PropertyWriter writer(scratch);
  writer.wire(run.expiry);
  PropertyReader reader(run.bytes);
  for (Property property; reader.next(property);) {  // the order of user properties has a meaning [MQTT5-3.3.2-18]
    if (is_kept(property) && property.wire.data() != run.expiry.data()) writer.wire(property.wire);
  }
  return scratch.first(writer.bytes());
}

bool are_stored_properties(core::Bytes bytes) {
  PropertyChecker checker(bytes, PropertyPlace::kPublishFromServer);
  for (Property property; checker.next(property);) {
    const bool is_late_expiry =
        property.id == PropertyId::kMessageExpiryInterval && property.wire.data() != bytes.data();
    if (!is_kept(property) || is_late_expiry) return false;
  }
  return !checker.error().has_value();
}

}  // namespace penstock::protocol
