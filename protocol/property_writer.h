// PropertyWriter: puts properties of 5.0 one behind the other, in wire form and without the length of the section. For
// what is not hot; a PUBLISH copies what lies in the log. Writes nowhere when it is made without memory, and counts: so
// one function that lists the properties of a packet gives both their size and their bytes.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "core/bytes.h"
#include "core/check.h"
#include "protocol/property.h"

namespace penstock::protocol {

class PropertyWriter {
 public:
  PropertyWriter() = default;
  // `to` must be as large as a counting writer's bytes() says for the same properties.
  explicit PropertyWriter(core::MutableBytes to) : to_(to) {}

  void u8(PropertyId id, uint8_t value) {
    put_id(id);
    put_byte(value);
  }
  void flag(PropertyId id, bool value) { u8(id, value ? 1 : 0); }
  void u16(PropertyId id, uint16_t value) {
    put_id(id);
    put_u16(value);
  }
  void u32(PropertyId id, uint32_t value) {
    put_id(id);
    put_u16(static_cast<uint16_t>(value >> 16));
    put_u16(static_cast<uint16_t>(value));
  }
  void variable(PropertyId id, uint32_t value) {
    put_id(id);
    for (; value >= 128; value >>= 7) put_byte(static_cast<uint8_t>(value | 0x80));
    put_byte(static_cast<uint8_t>(value));
  }
  void binary(PropertyId id, core::Bytes value) {
    put_id(id);
    put_sized(value);
  }
  void text(PropertyId id, std::string_view value) { binary(id, core::as_bytes(value)); }
  void user_property(std::string_view name, std::string_view value) {
    text(PropertyId::kUserProperty, name);
    put_sized(core::as_bytes(value));
  }
  // Properties that are in wire form already.
  void wire(core::Bytes properties) { put(properties); }

  size_t bytes() const { return bytes_; }

 private:
  void put_id(PropertyId id) { put_byte(static_cast<uint8_t>(id)); }
  void put_byte(uint8_t value) {
    const std::byte byte{value};
    put({&byte, 1});
  }
  void put_u16(uint16_t value) {
    std::byte field[2];
    core::store_be16(field, value);
    put(field);
  }
  void put_sized(core::Bytes value) {
    CHECK_LE(value.size(), kStringBytesMax);
    put_u16(static_cast<uint16_t>(value.size()));
    put(value);
  }
  void put(core::Bytes bytes) {
    if (to_.data() != nullptr && !bytes.empty()) {
      CHECK_LE(bytes_ + bytes.size(), to_.size());
      std::memcpy(to_.data() + bytes_, bytes.data(), bytes.size());
    }
    bytes_ += bytes.size();
  }

  core::MutableBytes to_;
  size_t bytes_ = 0;
};

}  // namespace penstock::protocol
