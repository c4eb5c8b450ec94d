#include "protocol/property.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/protocol/packet_samples.h"

namespace penstock::protocol {
namespace {

using Place = PropertyPlace;
using Reason = ProtocolErrorReason;

constexpr Place kAllPlaces[] = {Place::kConnect,
                                Place::kWill,
                                Place::kConnack,
                                Place::kPublishFromClient,
                                Place::kPublishFromServer,
                                Place::kAcknowledge,
                                Place::kSubscribe,
                                Place::kSuback,
                                Place::kUnsubscribe,
                                Place::kUnsuback,
                                Place::kDisconnectFromClient,
                                Place::kDisconnectFromServer,
                                Place::kAuth};

std::optional<ProtocolError> check(core::Bytes section, Place place) {
  PropertyChecker checker(section, place);
  for (Property property; checker.next(property);) {
  }
  return checker.error();
}

// One valid property of each identifier, and the letters of the places that table 2-4 names for it: Connect, Will,
// connacK, Publish from a client, publish from a Server, Acknowledge, suBscribe, suback (M), unsubscribe (N),
// unsuback (O), disconnect from client (D) and from server (E), aUth.
struct Sample {
  const char* spelling;
  const char* places;
};
constexpr char kLetters[] = "CWKPSABMNODEU";
constexpr Sample kSamples[] = {
    {"01 01", "PSW"},
    {"02 0000000a", "PSW"},
    {"03 0001 'x'", "PSW"},
    {"08 0003 'a/b'", "PSW"},
    {"09 0002 00ff", "PSW"},
    {"0b 05", "SB"},
    {"11 0000000a", "CKD"},
    {"12 0002 'id'", "K"},
    {"13 003c", "K"},
    {"15 0005 'SCRAM'", "CKU"},
    {"16 0001 00", "CKU"},
    {"17 00", "C"},
    {"18 00000005", "W"},
    {"19 01", "C"},
    {"1a 0001 'r'", "K"},
    {"1c 0001 's'", "KDE"},
    {"1f 0003 'why'", "KAMODEU"},
    {"21 000a", "CK"},
    {"22 0000", "CK"},
    {"23 0001", "PS"},
    {"24 00", "K"},
    {"25 00", "K"},
    {"26 0001 'k' 0000", "CWKPSABMNODEU"},
    {"27 00000100", "CK"},
    {"28 00", "K"},
    {"29 01", "K"},
    {"2a 00", "K"},
};

TEST(property, is_legal_where_table_2_4_says_so) {
  size_t count = 0;
  for (int id = 0; id < 256; ++id) count += property_rule(static_cast<uint8_t>(id)) != nullptr;
  ASSERT_EQ(count, std::size(kSamples));
  for (const Sample& sample : kSamples) {
    const ByteVector bytes = wire(sample.spelling);
    for (size_t i = 0; i < std::size(kAllPlaces); ++i) {
      const bool legal = std::string_view(sample.places).find(kLetters[i]) != std::string_view::npos;
      const auto error = check(bytes, kAllPlaces[i]);
      ASSERT_EQ(!error.has_value(), legal) << sample.spelling << " at " << kLetters[i];
      if (error) {
        EXPECT_EQ(reason_code(error->reason), error->reason == Reason::kForbiddenProperty
                                                  ? ReasonCode::kProtocolError
                                                  : ReasonCode::kMalformedPacket);
      }
    }
  }
}

TEST(property, may_repeat_only_as_user_property_and_in_a_servers_publish_as_subscription_identifier) {
  for (const Sample& sample : kSamples) {
    ByteVector twice = wire(sample.spelling);
    const ByteVector once = twice;
    twice.insert(twice.end(), once.begin(), once.end());
    for (size_t i = 0; i < std::size(kAllPlaces); ++i) {
      if (std::string_view(sample.places).find(kLetters[i]) == std::string_view::npos) continue;
      const bool may = once[0] == std::byte{0x26} || (once[0] == std::byte{0x0b} && kLetters[i] == 'S');
      const auto error = check(twice, kAllPlaces[i]);
      ASSERT_EQ(!error.has_value(), may) << sample.spelling << " at " << kLetters[i];
      if (error) {
        EXPECT_EQ(error->reason, Reason::kRepeatedProperty);
      }
    }
  }
}

TEST(property, is_refused_at_every_cut) {
  for (const Sample& sample : kSamples) {
    const ByteVector bytes = wire(sample.spelling);
    const size_t place = std::string_view(kLetters).find(sample.places[0]);
    for (size_t size = 1; size < bytes.size(); ++size) {
      const auto error = check(core::Bytes(bytes).first(size), kAllPlaces[place]);
      ASSERT_TRUE(error.has_value()) << sample.spelling << " cut at " << size;
      EXPECT_EQ(error->reason, Reason::kTruncatedField) << sample.spelling << " cut at " << size;
    }
  }
}

TEST(property, with_a_forbidden_value_is_refused_and_the_statement_named) {
  const struct {
    const char* story;
    const char* spelling;
    Place place;
    Reason reason;
    const char* clause;
  } cases[] = {
      {"number 0", "00", Place::kConnect, Reason::kUnknownProperty, ""},
      {"unknown number", "04 00", Place::kPublishFromClient, Reason::kUnknownProperty, ""},
      {"first number past the table", "2b 00", Place::kConnack, Reason::kUnknownProperty, ""},
      {"identifier of two bytes", "8100 00", Place::kPublishFromClient, Reason::kUnknownProperty, ""},
      {"receive maximum 0", "21 0000", Place::kConnect, Reason::kPropertyValue, ""},
      {"receive maximum 0 of a server", "21 0000", Place::kConnack, Reason::kPropertyValue, ""},
      {"maximum packet size 0", "27 00000000", Place::kConnect, Reason::kPropertyValue, ""},
      {"topic alias 0", "23 0000", Place::kPublishFromClient, Reason::kTopicAlias, "MQTT5-3.3.2-8"},
      {"subscription identifier 0", "0b 00", Place::kSubscribe, Reason::kPropertyValue, ""},
      {"subscription identifier of five bytes", "0b 8080808001", Place::kSubscribe, Reason::kTruncatedField,
       "MQTT5-1.5.5-1"},
      {"subscription identifier with a needless byte", "0b 8100", Place::kSubscribe, Reason::kTruncatedField,
       "MQTT5-1.5.5-1"},
      {"subscription identifier from a client", "0b 01", Place::kPublishFromClient, Reason::kForbiddenProperty,
       "MQTT5-3.3.4-6"},
      {"session expiry from a server", "11 00000000", Place::kDisconnectFromServer, Reason::kForbiddenProperty,
       "MQTT5-3.14.2-2"},
      {"payload format 2", "01 02", Place::kPublishFromClient, Reason::kPropertyValue, ""},
      {"request problem information 2", "17 02", Place::kConnect, Reason::kPropertyValue, ""},
      {"request response information 255", "19 ff", Place::kConnect, Reason::kPropertyValue, ""},
      {"maximum QoS 2", "24 02", Place::kConnack, Reason::kPropertyValue, ""},
      {"retain available 2", "25 02", Place::kConnack, Reason::kPropertyValue, ""},
      {"content type not UTF-8", "03 0001 ff", Place::kPublishFromClient, Reason::kInvalidUtf8, "MQTT5-3.3.2-19"},
      {"reason string with a null character", "1f 0001 00", Place::kAcknowledge, Reason::kInvalidUtf8, "MQTT5-1.5.4-1"},
      {"response topic not UTF-8", "08 0002 c080", Place::kWill, Reason::kInvalidUtf8, "MQTT5-3.3.2-13"},
      {"response topic with a wildcard", "08 0003 'a/+'", Place::kPublishFromClient, Reason::kPropertyValue,
       "MQTT5-3.3.2-14"},
      {"empty response topic", "08 0000", Place::kPublishFromClient, Reason::kPropertyValue, "MQTT5-4.7.3-1"},
      {"user property whose name is not UTF-8", "26 0001 ff 0000", Place::kConnect, Reason::kInvalidUtf8,
       "MQTT5-1.5.7-1"},
      {"user property whose value is not UTF-8", "26 0000 0003 eda080", Place::kConnect, Reason::kInvalidUtf8,
       "MQTT5-1.5.7-1"},
      {"the second one is bad", "21 0001 22", Place::kConnect, Reason::kTruncatedField, ""},
  };
  for (const auto& bad : cases) {
    const ByteVector bytes = wire(bad.spelling);
    const auto error = check(bytes, bad.place);
    ASSERT_TRUE(error.has_value()) << bad.story;
    EXPECT_EQ(error->reason, bad.reason) << bad.story << ": " << error->text;
    EXPECT_STREQ(error->clause, bad.clause) << bad.story;
  }
}

TEST(property, is_read_with_its_value_and_its_wire_form) {
  const ByteVector bytes = wire("02 000000ff 0b ffffff7f 23 abcd 01 01 09 0003 0102ff 26 0001 'k' 0002 'vw'");
  PropertyChecker checker(bytes, Place::kPublishFromServer);
  PropertyReader reader(bytes);
  const struct {
    PropertyId id;
    uint32_t number;
    const char* bytes;
    const char* value;
    const char* wire;
  } expected[] = {
      {PropertyId::kMessageExpiryInterval, 255, "", "", "02000000ff"},
      {PropertyId::kSubscriptionId, 268'435'455, "", "", "0bffffff7f"},
      {PropertyId::kTopicAlias, 0xabcd, "", "", "23abcd"},
      {PropertyId::kPayloadFormatIndicator, 1, "", "", "0101"},
      {PropertyId::kCorrelationData, 0, "0102ff", "", "0900030102ff"},
      {PropertyId::kUserProperty, 0, "6b", "7677", "2600016b00027677"},
  };
  Property checked;
  Property read;
  for (const auto& one : expected) {
    ASSERT_TRUE(checker.next(checked));
    ASSERT_TRUE(reader.next(read));
    for (const Property& property : {checked, read}) {
      EXPECT_EQ(property.id, one.id);
      EXPECT_EQ(property.number, one.number);
      EXPECT_EQ(hex(property.bytes), one.bytes);
      EXPECT_EQ(hex(property.value), one.value);
      EXPECT_EQ(hex(property.wire), one.wire);
    }
  }
  EXPECT_FALSE(checker.next(checked));
  EXPECT_FALSE(checker.error().has_value());
  EXPECT_TRUE(checker.has_seen(PropertyId::kTopicAlias));
  EXPECT_FALSE(checker.has_seen(PropertyId::kContentType));
  EXPECT_FALSE(reader.next(read));
}

TEST(property, of_the_user_is_found_from_the_first_to_the_last) {
  const ByteVector bytes = wire("21 0001 26 0001 'a' 0000 22 0002 26 0001 'b' 0000 27 00000005");
  PropertyChecker checker(bytes, Place::kConnect);
  for (Property property; checker.next(property);) {
  }
  ASSERT_FALSE(checker.error().has_value());
  EXPECT_EQ(hex(checker.user_properties()), hex(wire("26 0001 'a' 0000 22 0002 26 0001 'b' 0000")));
}

TEST(property_section, is_cut_off_behind_its_length) {
  const ByteVector bytes = wire("05 11 0000000a 'rest'");
  FieldReader fields(bytes);
  const auto section = take_checked_properties(fields, Place::kConnect);
  ASSERT_TRUE(section.has_value());
  EXPECT_EQ(hex(*section), "110000000a");
  EXPECT_EQ(core::as_text(fields.rest()), "rest");
  const ByteVector empty = wire("00");
  FieldReader nothing(empty);
  const auto none = take_properties(nothing);
  ASSERT_TRUE(none.has_value());
  EXPECT_TRUE(none->empty());
  EXPECT_TRUE(nothing.at_end());
}

TEST(property_section, is_refused_when_its_length_is_no_shortest_number_or_too_much) {
  const struct {
    const char* spelling;
    const char* clause;
  } cases[] = {
      {"", "MQTT5-2.2.2-1"},
      {"80", "MQTT5-2.2.2-1"},
      {"8000", "MQTT5-1.5.5-1"},
      {"808000", "MQTT5-1.5.5-1"},
      {"80808080 01", "MQTT5-1.5.5-1"},
      {"ffffffff", "MQTT5-1.5.5-1"},
      {"01", ""},
      {"ffffff7f 00", ""},
      {"06 11 0000000a", ""},
  };
  for (const auto& bad : cases) {
    const ByteVector bytes = wire(bad.spelling);
    FieldReader fields(bytes);
    const auto section = take_properties(fields);
    ASSERT_FALSE(section.has_value()) << bad.spelling;
    EXPECT_EQ(section.error().reason, Reason::kPropertyLength) << bad.spelling;
    EXPECT_STREQ(section.error().clause, bad.clause) << bad.spelling;
  }
}

TEST(property_reader, stops_at_what_nobody_has_checked) {
  Property property;
  const ByteVector unknown = wire("ff 00");
  EXPECT_FALSE(PropertyReader(unknown).next(property));
  const ByteVector cut = wire("1f 0005 'ab'");
  EXPECT_FALSE(PropertyReader(cut).next(property));
}

TEST(property_reader, finds_a_text) {
  const ByteVector bytes = wire("26 0001 'k' 0000 1f 0003 'why'");
  EXPECT_EQ(text_property(bytes, PropertyId::kReasonString), "why");
  EXPECT_EQ(text_property(bytes, PropertyId::kServerReference), "");
}

}  // namespace
}  // namespace penstock::protocol
