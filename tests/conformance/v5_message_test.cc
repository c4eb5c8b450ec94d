// What belongs to a message in MQTT 5.0, chapter 3.3.2.3: properties that every subscriber gets as they were published.
#include <gtest/gtest.h>

#include "tests/support/broker_suite.h"
#include "tests/support/reason_codes.h"

namespace penstock::test {
namespace {

using enum PropertyId;

BROKER_SUITE_V5(V5Message);

// All that a publisher may say of a message and a server hands on as it is. User properties may repeat, and be empty.
Properties everything() {
  return {
      {kPayloadFormat, 1},
      {kContentType, "text/plain; charset=utf-8"},
      {kResponseTopic, "answers/to/me"},
      {kCorrelation, std::string_view("\0\xff\x01\n", 4)},
      {kUserProperty, "b", "2"},
      {kUserProperty, "a", "1"},
      {kUserProperty, "b", "2"},
      {kUserProperty, "", ""},
      {kUserProperty, "\xc3\xa4", "\xef\xbb\xbf\xf0\x9f\x98\x80"},
  };
}

void expect_everything(const Packet& message) {
  const Properties sent = everything();
  // [MQTT5-3.3.2-4] [MQTT5-3.3.2-15] [MQTT5-3.3.2-16] [MQTT5-3.3.2-20]
  for (const PropertyId id : {kPayloadFormat, kContentType, kResponseTopic, kCorrelation}) {
    EXPECT_EQ(all_of(message.properties, id), all_of(sent, id));
  }
  // [MQTT5-3.3.2-17] [MQTT5-3.3.2-18]
  EXPECT_EQ(all_of(message.properties, kUserProperty), all_of(sent, kUserProperty));
  EXPECT_EQ(message.properties.size(), sent.size());
}

TEST_P(V5Message, keeps_its_properties_at_every_qos) {
  std::vector<TestClient> subscribers;
  for (int i = 0; i < 4; ++i) {
    subscribers.push_back(client("s" + std::to_string(i)));
    subscribers.back().subscribe(topic("x"), static_cast<uint8_t>(i % 3));
  }
  TestClient publisher = client("p");
  for (uint8_t qos = 0; qos <= 2; ++qos) {
    publisher.publish(topic("x"), "m", {.qos = qos, .properties = everything()});
    for (TestClient& subscriber : subscribers) expect_everything(subscriber.expect_message(topic("x"), "m"));
  }
}

TEST_P(V5Message, has_only_the_properties_it_was_published_with) {
  TestClient subscriber = client("s");
  subscriber.subscribe(topic("x"), 1);
  TestClient publisher = client("p");
  publisher.publish(topic("x"), "m", 1);
  EXPECT_EQ(subscriber.expect_message(topic("x"), "m").properties, Properties{});
  for (const Property& property : everything()) {
    publisher.publish(topic("x"), "m", {.qos = 1, .properties = {property}});
    EXPECT_EQ(subscriber.expect_message(topic("x"), "m").properties, Properties{property});
  }
}

TEST_P(V5Message, keeps_its_properties_while_it_waits) {
  persistent("s").subscribe(topic("x"), 2);
  TestClient publisher = client("p");
  for (uint8_t qos = 1; qos <= 2; ++qos) publisher.publish(topic("x"), "m", {.qos = qos, .properties = everything()});
  TestClient subscriber = persistent("s");
  for (int i = 0; i < 2; ++i) expect_everything(subscriber.expect_message(topic("x"), "m"));
  subscriber.disconnect();
  forget("s");
}

TEST_P(V5Message, keeps_its_properties_when_it_is_sent_again) {
  TestClient subscriber = persistent("s");
  subscriber.subscribe(topic("x"), 2);
  TestClient publisher = client("p");
  for (uint8_t qos = 1; qos <= 2; ++qos) publisher.publish(topic("x"), "m", {.qos = qos, .properties = everything()});
  for (int i = 0; i < 2; ++i) subscriber.expect(Type::kPublish);
  subscriber.drop();
  subscriber = persistent("s");
  for (int i = 0; i < 2; ++i) {
    const Packet again = subscriber.expect_message(topic("x"), "m");
    EXPECT_TRUE(again.dup());
    expect_everything(again);
  }
  subscriber.disconnect();
  forget("s");
}

TEST_P(V5Message, keeps_its_properties_when_it_is_retained) {
  TestClient publisher = client("p");
  publisher.publish(topic("x"), "kept", {.qos = 1, .retain = true, .properties = everything()});
  for (uint8_t granted = 0; granted <= 2; ++granted) {
    TestClient subscriber = client("s");
    subscriber.subscribe(topic("+"), granted);
    expect_everything(subscriber.expect_message(topic("x"), "kept"));
  }
  publisher.publish(topic("x"), "plain", 1, true);
  TestClient subscriber = client("s");
  subscriber.subscribe(topic("x"), 1);
  EXPECT_EQ(subscriber.expect_message(topic("x"), "plain").properties, Properties{});  // [MQTT5-3.3.1-5]
  publisher.publish(topic("x"), "", {.qos = 1, .retain = true, .properties = everything()});
  TestClient late = client("l");  // [MQTT5-3.3.1-6] [MQTT5-3.3.1-7]: empty, whatever its properties
  late.subscribe({{topic("x"), 1}, {topic("fence"), 1}});
  publisher.publish(topic("fence"), "f", 1);
  late.expect_message(topic("fence"), "f");
}

TEST_P(V5Message, may_have_many_and_large_properties) {
  Properties properties;
  for (int i = 0; i < 200; ++i) {
    properties.emplace_back(kUserProperty, "name " + std::to_string(i), std::string(static_cast<size_t>(i), 'v'));
  }
  properties.emplace_back(kCorrelation, std::string(5000, '\xfe'));
  TestClient subscriber = client("s");
  subscriber.subscribe(topic("x"), 1);
  client("p").publish(topic("x"), "m", {.qos = 1, .properties = properties});
  const Packet message = subscriber.expect_message(topic("x"), "m");
  EXPECT_EQ(all_of(message.properties, kUserProperty), all_of(properties, kUserProperty));
  EXPECT_EQ(message.text(kCorrelation), std::string(5000, '\xfe'));
}

TEST_P(V5Message, keeps_empty_properties) {
  const Properties properties = {{kContentType, ""}, {kCorrelation, ""}, {kPayloadFormat, 0}};
  TestClient subscriber = client("s");
  subscriber.subscribe(topic("x"), 1);
  client("p").publish(topic("x"), "m", {.qos = 1, .properties = properties});
  const Packet message = subscriber.expect_message(topic("x"), "m");
  // An indicator of 0 says the same as none. [MQTT5-3.3.2-4]: but unaltered is unaltered.
  for (const Property& property : properties) EXPECT_EQ(all_of(message.properties, property.id), Properties{property});
}

TEST_P(V5Message, that_is_no_text_although_it_says_so_is_refused_or_left_as_it_is) {
  const std::string payload("no text: \xff\xc0", 11);
  TestClient subscriber = client("s");
  subscriber.subscribe(topic("x"), 2);
  for (uint8_t qos = 1; qos <= 2; ++qos) {
    // 3.3.2.3.2: a server may look, and refuse it by PUBACK, PUBREC or DISCONNECT.
    TestClient publisher = client("p");
    publisher.send(
        publish_packet(topic("x"), payload, {.qos = qos, .packet_id = 7, .properties = {{kPayloadFormat, 1}}}));
    const Packet answer = publisher.next();
    if (answer.reason_code >= reason::kFirstFailure) {
      EXPECT_EQ(answer.reason_code, reason::kPayloadFormatInvalid);
      if (answer.type != Type::kPubrec) continue;
      publisher.send(publish_packet(topic("x"), "text", {.qos = 2, .packet_id = 7}));
      EXPECT_EQ(publisher.expect(Type::kPubrec, 7).reason_code, reason::kSuccess);  // [MQTT5-4.3.3-9]
      publisher.send(acknowledge_packet(Type::kPubrel, 7));
      publisher.expect(Type::kPubcomp, 7);
      subscriber.expect_message(topic("x"), "text");
      continue;
    }
    EXPECT_EQ(subscriber.expect_message(topic("x"), payload).number(kPayloadFormat), 1u);  // [MQTT5-3.3.2-4]
  }
  client("f").publish(topic("x"), "fence", 1);
  subscriber.expect_message(topic("x"), "fence");
}

TEST_P(V5Message, that_asks_can_be_answered) {
  // Chapter 4.10: who is asked needs to know nothing but what the message says.
  TestClient asking = client("q");
  asking.subscribe(topic("answers"), 1);
  TestClient answering = client("a");
  answering.subscribe(topic("questions"), 1);
  asking.publish(topic("questions"), "what?",
                 {.qos = 1, .properties = {{kResponseTopic, topic("answers")}, {kCorrelation, "17"}}});
  const Packet question = answering.expect_message(topic("questions"), "what?");
  answering.publish(question.text(kResponseTopic), "that",
                    {.qos = 1, .properties = {{kCorrelation, question.text(kCorrelation)}}});
  EXPECT_EQ(asking.expect_message(topic("answers"), "that").text(kCorrelation), "17");
}

}  // namespace
}  // namespace penstock::test
