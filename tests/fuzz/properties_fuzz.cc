// Fuzzes the check of a section of properties and what is made of it. The first byte is the place, the rest the section
// without its length. Laws: no read past the section; the checker and a naive one agree on what is legal there; a
// checked section is walked to its end; stored properties are the kept ones in their order, the expiry first.
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/check.h"
#include "protocol/property.h"
#include "protocol/stored_properties.h"
#include "protocol/topic_name.h"
#include "protocol/utf8.h"

namespace penstock::protocol {
namespace {

using Place = PropertyPlace;

// Cuts a section by the types of the table alone.
class NaiveCutter {
 public:
  explicit NaiveCutter(std::string_view section) : section_(section) {}

  bool at_end() const { return at_ == section_.size(); }
  size_t at() const { return at_; }
  uint64_t number(size_t bytes) {
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; ++i) value = value << 8 | byte();
    return value;
  }
  uint64_t variable() {
    const size_t begin = at_;
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      if (shift == 28) return fail();
      const uint64_t one = byte();
      value |= (one & 0x7f) << shift;
      if (one < 0x80) break;
    }
    const size_t shortest = value < 128 ? 1 : value < 16'384 ? 2 : value < 2'097'152 ? 3 : 4;
    return at_ - begin == shortest ? value : fail();
  }
  std::string_view sized() {
    const size_t bytes = number(2);
    if (bad_ || bytes > section_.size() - at_) {
      fail();
      return {};
    }
    at_ += bytes;
    return section_.substr(at_ - bytes, bytes);
  }
  bool bad() const { return bad_; }

 private:
  uint64_t byte() { return at_end() || bad_ ? fail() : static_cast<uint8_t>(section_[at_++]); }
  uint64_t fail() {
    bad_ = true;
    return 0;
  }

  std::string_view section_;
  size_t at_ = 0;
  bool bad_ = false;
};

struct Legal {
  bool is_legal = false;
  std::string kept;  // of a message's section: the stored form
};

bool value_is_legal(const PropertyRule& rule, NaiveCutter& cutter) {
  switch (rule.type) {
    case PropertyType::kByte:
    case PropertyType::kTwoBytes:
    case PropertyType::kFourBytes:
    case PropertyType::kVariableInteger: {
      const size_t bytes = rule.type == PropertyType::kByte ? 1 : rule.type == PropertyType::kTwoBytes ? 2 : 4;
      const uint64_t value = rule.type == PropertyType::kVariableInteger ? cutter.variable() : cutter.number(bytes);
      if (rule.range == PropertyRange::kNotZero) return value != 0;
      return rule.range == PropertyRange::kAny || value <= 1;
    }
    case PropertyType::kBinary:
      cutter.sized();
      return true;
    case PropertyType::kText: {
      const std::string_view text = cutter.sized();
      return is_mqtt_utf8(text) && (rule.id != PropertyId::kResponseTopic || TopicName::parse(text).has_value());
    }
    case PropertyType::kTextPair: {
      const std::string_view name = cutter.sized();
      const std::string_view value = cutter.sized();
      return is_mqtt_utf8(name) && is_mqtt_utf8(value);
    }
  }
  return false;
}

bool is_kept(PropertyId id) {
  return id == PropertyId::kPayloadFormatIndicator || id == PropertyId::kMessageExpiryInterval ||
         id == PropertyId::kContentType || id == PropertyId::kResponseTopic || id == PropertyId::kCorrelationData ||
         id == PropertyId::kUserProperty;
}

Legal judge(std::string_view section, Place place) {
  NaiveCutter cutter(section);
  std::map<PropertyId, int> seen;
  std::string expiry;
  std::string others;
  while (!cutter.at_end()) {
    const size_t begin = cutter.at();
    const PropertyRule* rule = property_rule(static_cast<uint8_t>(cutter.number(1)));
    const auto bit = static_cast<uint16_t>(1u << static_cast<unsigned>(place));
    if (rule == nullptr || (rule->places & bit) == 0) return {};
    if (++seen[rule->id] > 1 && (rule->repeats_in & bit) == 0) return {};
    if (!value_is_legal(*rule, cutter) || cutter.bad()) return {};
    const std::string_view wire = section.substr(begin, cutter.at() - begin);
    if (is_kept(rule->id)) (rule->id == PropertyId::kMessageExpiryInterval ? expiry : others) += wire;
  }
  return {true, expiry + others};
}

void check_section(core::Bytes section, Place place) {
  PropertyChecker checker(section, place);
  PropertyReader reader(section);
  size_t bytes = 0;
  for (Property checked; checker.next(checked);) {
    Property read;
    CHECK(reader.next(read));
    CHECK(read.id == checked.id && read.wire.data() == checked.wire.data() && read.wire.size() == checked.wire.size());
    CHECK(read.number == checked.number && read.bytes.data() == checked.bytes.data());
    CHECK(checker.has_seen(checked.id));
    bytes += checked.wire.size();
  }
  const Legal legal = judge(core::as_text(section), place);
  CHECK_EQ(!checker.error().has_value(), legal.is_legal);
  if (!legal.is_legal) {
    CHECK(checker.error()->text[0] != '\0');
    return;
  }
  CHECK_EQ(bytes, section.size());
  if (place != Place::kPublishFromClient && place != Place::kPublishFromServer && place != Place::kWill) return;
  std::vector<std::byte> scratch(section.size());
  const core::Bytes stored = stored_properties(section, scratch);
  CHECK(core::as_text(stored) == legal.kept);
  CHECK(are_stored_properties(stored));
  CHECK(core::as_text(stored_properties(stored, {})) == legal.kept);
  CHECK_EQ(are_stored_properties(section), core::as_text(section) == legal.kept);
}

}  // namespace
}  // namespace penstock::protocol

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace penstock::protocol;
  if (size < 1) return 0;
  const auto place = static_cast<PropertyPlace>(data[0] % (static_cast<unsigned>(PropertyPlace::kAuth) + 1));
  // A copy of exactly this size, so that the sanitizer sees a read past the end.
  const auto* const begin = reinterpret_cast<const std::byte*>(data) + 1;
  const std::vector<std::byte> exact(begin, begin + size - 1);
  check_section(exact, place);
  // Bytes that nobody has checked are walked without harm, too.
  PropertyReader reader(exact);
  for (Property property; reader.next(property);) {
  }
  are_stored_properties(exact);
  return 0;
}
