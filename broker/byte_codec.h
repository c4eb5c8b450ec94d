// ByteWriter and ByteReader: little-endian fields one after another, for records and checkpoints. The reader never
// reads past its end: it then gives zeros and ok() is false.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/bytes.h"

namespace penstock::broker {

class ByteWriter {
 public:
  explicit ByteWriter(std::vector<std::byte>& out) : out_(out) {}

  template <typename T>
    requires std::is_integral_v<T>
  void integer(T value) {
    const size_t at = out_.size();
    out_.resize(at + sizeof value);
    core::store_le(out_.data() + at, value);
  }
  void bytes(core::Bytes bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
  // With its length in front.
  void text(std::string_view text) { blob(core::as_bytes(text)); }
  // The same for at most 65,535 bytes: as long as in an MQTT packet.
  void short_text(std::string_view text) {
    integer(static_cast<uint16_t>(text.size()));
    bytes(core::as_bytes(text));
  }
  void blob(core::Bytes content) {
    integer(static_cast<uint32_t>(content.size()));
    bytes(content);
  }

 private:
  std::vector<std::byte>& out_;
};

class ByteReader {
 public:
  explicit ByteReader(core::Bytes in) : in_(in) {}

  template <typename T>
    requires std::is_integral_v<T>
  T integer() {
    if (in_.size() < sizeof(T)) {
      fail();
      return T{};
    }
    const T value = core::load_le<T>(in_.data());
    in_ = in_.subspan(sizeof(T));
    return value;
  }
  core::Bytes blob() { return take(integer<uint32_t>()); }
  std::string_view text() { return core::as_text(blob()); }
  std::string_view short_text() { return core::as_text(take(integer<uint16_t>())); }
  // A count of things that take at least `bytes_each` each; 0 and not ok when they cannot all be there.
  uint32_t count(size_t bytes_each) {
    const uint32_t value = integer<uint32_t>();
    if (value <= in_.size() / bytes_each) return value;
    fail();
    return 0;
  }

  bool ok() const { return ok_; }
  core::Bytes& rest() { return in_; }
  void fail() {
    ok_ = false;
    in_ = {};
  }

 private:
  core::Bytes take(size_t size) {
    if (in_.size() < size) {
      fail();
      return {};
    }
    const core::Bytes content = in_.first(size);
    in_ = in_.subspan(size);
    return content;
  }

  core::Bytes in_;
  bool ok_ = true;
};

}  // namespace penstock::broker
