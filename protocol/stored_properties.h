// Stored properties: what a message keeps of its properties from the PUBLISH (or will) that brings it to the PUBLISH
// packets that carry it away. In wire form without the length of the section: payload format indicator, message expiry
// interval, content type, response topic, correlation data and user properties, in the order in which they came, but
// the message expiry interval, where there is one, first. So a delivery copies them as they are and, of a message that
// expires, rewrites four bytes at a known place.
#pragma once

#include <cstdint>
#include <optional>

#include "core/bytes.h"
#include "protocol/property.h"

namespace penstock::protocol {

// Identifier and value of a message expiry interval.
constexpr size_t kExpiryPropertyBytes = 5;

// Out of line: a section that is not empty.
core::Bytes rearrange_properties(core::Bytes checked, core::MutableBytes scratch);

// `checked`: Publish::properties or WillMessage::properties. A part of `checked` itself where nothing has to be moved;
// otherwise assembled in `scratch`, which has to be as large as `checked`. [MQTT5-3.3.2-18] [MQTT5-3.1.3-10]
inline core::Bytes stored_properties(core::Bytes checked, core::MutableBytes scratch) {
  if (checked.empty()) [[likely]]
    return {};
  return rearrange_properties(checked, scratch);
}

// Seconds; none when a message with these stored properties does not expire.
inline std::optional<uint32_t> stored_expiry_s(core::Bytes stored) {
  if (stored.size() < kExpiryPropertyBytes || stored[0] != std::byte(PropertyId::kMessageExpiryInterval)) {
    return std::nullopt;
  }
  return core::load_be32(stored.data() + 1);
}

// Stored properties out of a file: whether they are what stored_properties() gives. Nobody needs to trust the disk.
bool are_stored_properties(core::Bytes bytes);

}  // namespace penstock::protocol
