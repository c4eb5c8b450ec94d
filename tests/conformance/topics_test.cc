// Topic names and filters, chapter 4.7.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/broker_suite.h"

namespace penstock::test {
namespace {

BROKER_SUITE_OF_ALL_VERSIONS(Topics);

struct Match {
  const char* filter;
  const char* name;
  bool matches;
};

// Below the test's own prefix.
constexpr Match kMatches[] = {
    {"a", "a", true},
    {"a", "b", false},
    {"a", "A", false},   // 4.7.3: case sensitive
    {"a", "a/", false},  // [MQTT-4.7.3-4]: nothing is normalised
    {"a/", "a/", true},
    {"a/", "a", false},
    {"/a", "a", false},
    {"/a", "/a", true},
    {"+", "a", true},
    {"+", "a/b", false},
    {"+", "", true},
    {"+/+", "/a", true},
    {"+/+", "a/", true},
    {"/+", "/a", true},
    {"+", "/a", false},
    {"a/+", "a", false},  // 4.7.1.3
    {"a/+", "a/", true},
    {"a/+/c", "a/b/c", true},
    {"a/+/c", "a//c", true},
    {"a/+/c", "a/b/d", false},
    {"a/+/c", "a/b/c/d", false},
    {"a/+/+/d", "a/b/c/d", true},
    {"#", "a", true},
    {"#", "a/b/c", true},
    {"#", "", true},
    {"a/#", "a", true},  // 4.7.1.2: the parent too
    {"a/#", "a/", true},
    {"a/#", "a/b", true},
    {"a/#", "a/b/c/d/e", true},
    {"a/#", "ab", false},
    {"a/b/#", "a", false},
    {"+/#", "a", true},
    {"+/b/#", "a/b", true},
    {"+/b/#", "a/c", false},
    {"a//b", "a//b", true},
    {"a//b", "a/b", false},
    {"a b", "a b", true},
    {"\xc3\xa4/\xe2\x82\xac", "\xc3\xa4/\xe2\x82\xac", true},
    {"\xc3\xa4", "a\xcc\x88", false},  // [MQTT-4.7.3-4]: two spellings of the same letter
    {"\xef\xbb\xbf"
     "a",
     "a", false},  // [MQTT-1.5.3-3]
    {"a/$b", "a/$b", true},
    {"a/+", "a/$b", true},  // 4.7.2 is about the first character of the name only
};

TEST_P(Topics, match_as_the_standard_says) {
  TestClient publisher = client("p");
  for (const Match& match : kMatches) {
    TestClient subscriber = client("s");
    subscriber.subscribe({{topic(match.filter), 1}, {topic("f/e/n/c/e"), 1}});
    publisher.publish(topic(match.name), "m", 1);
    publisher.publish(topic("f/e/n/c/e"), "fence", 1);
    const Packet packet = subscriber.take_message();
    EXPECT_EQ(packet.payload == "m", match.matches) << match.filter << " against " << match.name;  // [MQTT-3.3.2-3]
    if (subscriber.broken()) break;
  }
}

TEST_P(Topics, retained_messages_match_the_same_way) {
  TestClient publisher = client("p");
  for (const Match& match : kMatches) {
    publisher.publish(topic(match.name), "m", 1, true);
    TestClient subscriber = client("s");
    subscriber.subscribe(topic(match.filter), 1);
    subscriber.subscribe(topic("f/e/n/c/e"), 1);
    publisher.publish(topic("f/e/n/c/e"), "fence", 1);
    EXPECT_EQ(subscriber.take_message().payload == "m", match.matches) << match.filter << " against " << match.name;
    publisher.publish(topic(match.name), "", 1, true);
    if (subscriber.broken()) break;
  }
}

TEST_P(Topics, with_a_dollar_are_hidden_from_leading_wildcards) {
  TestClient subscriber = client("s");
  subscriber.subscribe({{"#", 1}, {"+/" + id("x"), 1}, {"+/#", 1}});
  TestClient direct = client("d");
  direct.subscribe("$penstock-test/+", 1);
  TestClient publisher = client("p");
  publisher.publish("$penstock-test/" + id("x"), "hidden", 1);
  publisher.publish(topic("fence"), "f", 1);
  EXPECT_EQ(subscriber.take_message().topic, topic("fence"));  // [MQTT-4.7.2-1]
}

TEST_P(Topics, with_a_dollar_that_are_retained_are_hidden_from_leading_wildcards) {
  TestClient publisher = client("p");
  publisher.publish("$penstock-test/" + id("x"), "hidden", 1, true);
  TestClient subscriber = client("s");
  subscriber.subscribe({{"+/" + id("x"), 1}});
  subscriber.subscribe(topic("fence"), 1);
  publisher.publish(topic("fence"), "f", 1);
  subscriber.expect_message(topic("fence"), "f");  // [MQTT-4.7.2-1]
  publisher.publish("$penstock-test/" + id("x"), "", 1, true);
}

TEST_P(Topics, hash_receives_every_plain_topic) {
  TestClient subscriber = client("s");
  subscriber.subscribe("#", 1);
  TestClient publisher = client("p");
  for (const std::string& name : {topic("a"), "/" + topic("b"), topic("a/b/c/d/e/f/g/h/i/j"), std::string("t")}) {
    publisher.publish(name, id("all"), 1);
    subscriber.expect_message(name, id("all"));
  }
}

TEST_P(Topics, may_be_as_long_as_the_length_field_allows) {
  // [MQTT-4.7.3-3]
  std::string name = topic("");
  name.resize(65535, 'n');
  TestClient subscriber = client("s");
  subscriber.subscribe(name, 1);
  client("p").publish(name, "long", 1);
  subscriber.expect_message(name, "long");
}

TEST_P(Topics, may_have_128_levels) {
  std::string name = topic("");
  name.append(127 - static_cast<size_t>(std::ranges::count(name, '/')), '/');
  TestClient subscriber = client("s");
  subscriber.subscribe(name, 1);
  client("p").publish(name, "deep", 1);
  subscriber.expect_message(name, "deep");
}

TEST_P(Topics, are_separate_for_many_similar_names) {
  TestClient subscriber = client("s");
  for (int i = 0; i < 200; i += 2) subscriber.subscribe(topic("k" + std::to_string(i)), 1);
  TestClient publisher = client("p");
  for (int i = 0; i < 200; ++i) publisher.publish(topic("k" + std::to_string(i)), std::to_string(i), 1);
  for (int i = 0; i < 200; i += 2) subscriber.expect_message(topic("k" + std::to_string(i)), std::to_string(i));
}

}  // namespace
}  // namespace penstock::test
