#include "protocol/stored_properties.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/random.h"
#include "protocol/property_writer.h"
#include "tests/protocol/packet_samples.h"

namespace penstock::protocol {
namespace {

bool is_part_of(core::Bytes part, core::Bytes whole) {
  return part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
}

struct Case {
  const char* story;
  const char* section;
  const char* stored;
};

// Spelt out, so that nobody's scratch memory is needed.
TEST(stored_properties, are_a_view_of_the_packet_where_nothing_moves) {
  const Case cases[] = {
      {"no properties", "", ""},
      {"an alias alone", "23 0001", ""},
      {"subscription identifiers alone", "0b 01 0b 02", ""},
      {"a will delay alone", "18 00000005", ""},
      {"texts in any order", "26 0001 'k' 0001 'v' 01 01 03 0001 't'", "26 0001 'k' 0001 'v' 01 01 03 0001 't'"},
      {"an expiry alone", "02 0000003c", "02 0000003c"},
      {"an expiry first", "02 0000003c 01 01 09 0001 ff", "02 0000003c 01 01 09 0001 ff"},
      {"an alias before the rest", "23 0001 02 0000003c 01 01", "02 0000003c 01 01"},
      {"an alias behind the rest", "08 0001 'r' 09 0000 23 0001", "08 0001 'r' 09 0000"},
      {"other things around", "0b 05 18 00000005 01 00 23 0001 0b 06", "01 00"},
  };
  for (const Case& c : cases) {
    const ByteVector section = wire(c.section);
    const core::Bytes stored = stored_properties(section, {});
    EXPECT_EQ(hex(stored), hex(wire(c.stored))) << c.story;
    EXPECT_TRUE(stored.empty() || is_part_of(stored, section)) << c.story;
    EXPECT_TRUE(are_stored_properties(stored)) << c.story;
  }
}

TEST(stored_properties, are_assembled_with_the_expiry_first_where_something_moves) {
  const Case cases[] = {
      {"a late expiry", "01 01 02 0000003c", "02 0000003c 01 01"},
      {"an expiry in the middle", "01 01 02 0000003c 03 0001 't'", "02 0000003c 01 01 03 0001 't'"},
      {"an alias in the middle", "01 01 23 0001 03 0001 't'", "01 01 03 0001 't'"},
      {"an alias behind an expiry", "02 0000003c 23 0001 03 0001 't'", "02 0000003c 03 0001 't'"},
      {"user properties keep their order", "26 0001 'b' 0000 23 0001 26 0001 'a' 0000 02 00000001 26 0001 'b' 0000",
       "02 00000001 26 0001 'b' 0000 26 0001 'a' 0000 26 0001 'b' 0000"},
      {"a will's delay in the middle", "03 0001 't' 18 00000005 02 00000007", "02 00000007 03 0001 't'"},
  };
  for (const Case& c : cases) {
    const ByteVector section = wire(c.section);
    ByteVector scratch(section.size());
    const core::Bytes stored = stored_properties(section, scratch);
    EXPECT_EQ(hex(stored), hex(wire(c.stored))) << c.story;
    EXPECT_TRUE(is_part_of(stored, scratch)) << c.story;
    EXPECT_TRUE(are_stored_properties(stored)) << c.story;
    EXPECT_EQ(hex(stored_properties(stored, {})), hex(stored)) << c.story << ": once is enough";
  }
}

TEST(stored_properties, say_when_their_message_expires) {
  EXPECT_EQ(stored_expiry_s(wire("02 0001e240 01 01")), 123'456u);
  EXPECT_EQ(stored_expiry_s(wire("02 00000000")), 0u);
  EXPECT_EQ(stored_expiry_s(wire("01 01 09 0000")), std::nullopt);
  EXPECT_EQ(stored_expiry_s({}), std::nullopt);
}

TEST(stored_properties, out_of_a_file_are_judged) {
  for (const char* good : {"", "02 0000003c", "02 0000003c 26 0000 0000 26 0000 0000", "01 01 03 0001 't'"}) {
    EXPECT_TRUE(are_stored_properties(wire(good))) << good;
  }
  for (const char* bad : {"00", "02 00003c", "01 01 02 0000003c", "23 0001", "0b 01", "18 00000001", "01 01 01 01",
                          "03 0001 ff", "01 02", "1f 0001 'r'"}) {
    EXPECT_FALSE(are_stored_properties(wire(bad))) << bad;
  }
}

TEST(stored_properties_death, want_scratch_as_large_as_the_section) {
  const ByteVector section = wire("01 01 02 0000003c");
  std::byte small[6];
  EXPECT_DEATH(stored_properties(section, small), "CHECK failed");
}

// A section as hostile order may be: every property of a message, an alias and a delay among them, shuffled.
TEST(stored_properties, of_random_sections_hold_the_kept_ones_in_order) {
  const uint64_t seed = core::system_random().next_u64();
  SCOPED_TRACE(seed);
  core::SeededRandom random(seed);
  const char* kPool[] = {"01 01",   "02 00000009", "03 0002 'ct'", "08 0001 'r'",      "09 0001 ff",
                         "23 0007", "18 00000002", "0b 11",        "26 0001 'x' 0000", "26 0001 'y' 0001 'z'"};
  for (int round = 0; round < 20'000; ++round) {
    ByteVector section;
    std::string expiry;
    std::string others;
    for (size_t i = random.below(8); i > 0; --i) {
      const ByteVector one = wire(kPool[random.below(std::size(kPool))]);
      const bool repeats = one[0] == std::byte{0x26} || one[0] == std::byte{0x0b};
      if (!repeats && hex(section).find(hex(one)) != std::string::npos) continue;
      section.insert(section.end(), one.begin(), one.end());
      const bool dropped = one[0] == std::byte{0x23} || one[0] == std::byte{0x18} || one[0] == std::byte{0x0b};
      if (!dropped) (one[0] == std::byte{0x02} ? expiry : others) += hex(one);
    }
    ByteVector scratch(section.size());
    ASSERT_EQ(hex(stored_properties(section, scratch)), expiry + others) << hex(section);
  }
}

}  // namespace
}  // namespace penstock::protocol
