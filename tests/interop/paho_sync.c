/* Paho C, synchronous client: every QoS, retained, persistent session; with 5.0 properties, topic alias, will.
   Exit 0 when all went well. */
#include <MQTTClient.h>

#include "tests/interop/paho_c.h"

enum { kPatienceMs = 60000, kMessages = 50 };

static void add_number(MQTTProperties* properties, enum MQTTPropertyCodes code, unsigned int number) {
  MQTTProperty property = {.identifier = code};
  property.value.integer4 = number;
  REQUIRE(MQTTProperties_add(properties, &property) == 0);
}

static void add_short(MQTTProperties* properties, enum MQTTPropertyCodes code, unsigned short number) {
  MQTTProperty property = {.identifier = code};
  property.value.integer2 = number;
  REQUIRE(MQTTProperties_add(properties, &property) == 0);
}

static void add_text(MQTTProperties* properties, enum MQTTPropertyCodes code, char* text, char* value) {
  MQTTProperty property = {.identifier = code};
  property.value.data.data = text;
  property.value.data.len = (int)strlen(text);
  if (value) {
    property.value.value.data = value;
    property.value.value.len = (int)strlen(value);
  }
  REQUIRE(MQTTProperties_add(properties, &property) == 0);
}

static MQTTClient create(const char* id) {
  MQTTClient client;
  MQTTClient_createOptions options = MQTTClient_createOptions_initializer;
  options.MQTTVersion = version == 5 ? MQTTVERSION_5 : MQTTVERSION_DEFAULT;
  REQUIRE(MQTTClient_createWithOptions(&client, url, id, MQTTCLIENT_PERSISTENCE_NONE, NULL, &options) ==
          MQTTCLIENT_SUCCESS);
  return client;
}

static void connect_before_5(MQTTClient client, MQTTClient_connectOptions* options, int clean) {
  options->cleansession = clean;
  REQUIRE(MQTTClient_connect(client, options) == MQTTCLIENT_SUCCESS);
}

static void connect_5(MQTTClient client, MQTTClient_connectOptions* options, int clean) {
  MQTTProperties properties = MQTTProperties_initializer;
  options->cleanstart = clean;
  if (!clean) add_number(&properties, MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL, 3600);
  MQTTResponse response = MQTTClient_connect5(client, options, &properties, NULL);
  REQUIRE(response.reasonCode == MQTTREASONCODE_SUCCESS);
  MQTTResponse_free(response);
  MQTTProperties_free(&properties);
}

static MQTTClient open_client(const char* id, int clean, MQTTClient_willOptions* will, int* session_present) {
  MQTTClient client = create(id);
  MQTTClient_connectOptions options = MQTTClient_connectOptions_initializer;
  MQTTClient_connectOptions options_5 = MQTTClient_connectOptions_initializer5;
  if (version == 5) options = options_5;
  MQTTClient_SSLOptions tls = MQTTClient_SSLOptions_initializer;
  tls.trustStore = ca_file;
  tls.verify = 1;
  if (over_tls()) options.ssl = &tls;
  options.MQTTVersion = version;
  options.will = will;
  options.maxInflightMessages = kMessages;
  if (version == 5) {
    connect_5(client, &options, clean);
  } else {
    connect_before_5(client, &options, clean);
  }
  REQUIRE(options.returned.MQTTVersion == version);
  if (session_present) *session_present = options.returned.sessionPresent;
  return client;
}

static void close_with(MQTTClient client, enum MQTTReasonCodes reason) {
  if (version == 5) {
    REQUIRE(MQTTClient_disconnect5(client, kPatienceMs, reason, NULL) == MQTTCLIENT_SUCCESS);
  } else {
    REQUIRE(MQTTClient_disconnect(client, kPatienceMs) == MQTTCLIENT_SUCCESS);
  }
  MQTTClient_destroy(&client);
}

static void close_client(MQTTClient client) {
  close_with(client, MQTTREASONCODE_SUCCESS);
}

static void subscribe(MQTTClient client, const char* filter, int qos) {
  if (version == 5) {
    MQTTResponse response = MQTTClient_subscribe5(client, filter, qos, NULL, NULL);
    REQUIRE((int)response.reasonCode == qos);
    MQTTResponse_free(response);
  } else {
    REQUIRE(MQTTClient_subscribe(client, filter, qos) == MQTTCLIENT_SUCCESS);
  }
}

static void unsubscribe(MQTTClient client, const char* filter) {
  if (version == 5) {
    MQTTResponse response = MQTTClient_unsubscribe5(client, filter, NULL);
    REQUIRE(response.reasonCode == MQTTREASONCODE_SUCCESS);
    MQTTResponse_free(response);
  } else {
    REQUIRE(MQTTClient_unsubscribe(client, filter) == MQTTCLIENT_SUCCESS);
  }
}

static MQTTClient_deliveryToken send(MQTTClient client, const char* topic, const char* text, int qos, int retained,
                                     MQTTProperties* properties) {
  MQTTClient_deliveryToken token;
  if (version == 5) {
    MQTTResponse response =
        MQTTClient_publish5(client, topic, (int)strlen(text), text, qos, retained, properties, &token);
    REQUIRE(response.reasonCode == MQTTREASONCODE_SUCCESS);
    MQTTResponse_free(response);
  } else {
    REQUIRE(MQTTClient_publish(client, topic, (int)strlen(text), text, qos, retained, &token) == MQTTCLIENT_SUCCESS);
  }
  return token;
}

static void publish_with(MQTTClient client, const char* topic, const char* text, int qos, MQTTProperties* properties) {
  const MQTTClient_deliveryToken token = send(client, topic, text, qos, 0, properties);
  REQUIRE(MQTTClient_waitForCompletion(client, token, kPatienceMs) == MQTTCLIENT_SUCCESS);
}

static void publish(MQTTClient client, const char* topic, const char* text, int qos, int retained) {
  const MQTTClient_deliveryToken token = send(client, topic, text, qos, retained, NULL);
  REQUIRE(MQTTClient_waitForCompletion(client, token, kPatienceMs) == MQTTCLIENT_SUCCESS);
}

static MQTTClient_message* take(MQTTClient client, const char* topic, const char* text, int qos) {
  char* got_topic = NULL;
  int topic_bytes = 0;
  MQTTClient_message* message = NULL;
  REQUIRE(MQTTClient_receive(client, &got_topic, &topic_bytes, &message, kPatienceMs) == MQTTCLIENT_SUCCESS);
  REQUIRE(message != NULL);
  REQUIRE(strcmp(got_topic, topic) == 0);
  REQUIRE(is_text(message->payload, message->payloadlen, text));
  REQUIRE(message->qos == qos);
  MQTTClient_free(got_topic);
  return message;
}

static void expect(MQTTClient client, const char* topic, const char* text, int qos, int retained) {
  MQTTClient_message* message = take(client, topic, text, qos);
  REQUIRE(message->retained == retained);
  MQTTClient_freeMessage(&message);
}

static void every_qos(void) {
  MQTTClient subscriber = open_client("c-s", 1, NULL, NULL);
  MQTTClient publisher = open_client("c-p", 1, NULL, NULL);
  for (int qos = 0; qos <= 2; ++qos) {
    char topic[16];
    char text[16];
    snprintf(topic, sizeof topic, "c/%d", qos);
    subscribe(subscriber, topic, qos);
    MQTTClient_deliveryToken last = 0; /* to wait for one takes this client 100 ms */
    for (int i = 0; i < kMessages; ++i) {
      snprintf(text, sizeof text, "%d", i);
      last = send(publisher, topic, text, qos, 0, NULL);
    }
    REQUIRE(MQTTClient_waitForCompletion(publisher, last, kPatienceMs) == MQTTCLIENT_SUCCESS);
    for (int i = 0; i < kMessages; ++i) {
      snprintf(text, sizeof text, "%d", i);
      expect(subscriber, topic, text, qos, 0);
    }
    unsubscribe(subscriber, topic);
  }
  close_client(publisher);
  close_client(subscriber);
}

static void large_message(void) {
  static char text[60001];
  memset(text, 'x', sizeof text - 1);
  MQTTClient client = open_client("c-s", 1, NULL, NULL);
  subscribe(client, "c/large", 1);
  publish(client, "c/large", text, 1, 0);
  expect(client, "c/large", text, 1, 0);
  publish(client, "c/large", "small", 1, 0);
  expect(client, "c/large", "small", 1, 0);
  close_client(client);
}

static void retained_message(void) {
  MQTTClient publisher = open_client("c-p", 1, NULL, NULL);
  publish(publisher, "c/r", "kept", 1, 1);
  MQTTClient subscriber = open_client("c-s", 1, NULL, NULL);
  subscribe(subscriber, "c/r", 1);
  expect(subscriber, "c/r", "kept", 1, 1);
  publish(publisher, "c/r", "", 1, 1);
  close_client(publisher);
  close_client(subscriber);
}

static void persistent_session(void) {
  int session_present = 0;
  MQTTClient sleeper = open_client("c-k", 0, NULL, NULL);
  subscribe(sleeper, "c/k", 2);
  close_client(sleeper);
  MQTTClient publisher = open_client("c-p", 1, NULL, NULL);
  publish(publisher, "c/k", "one", 2, 0);
  publish(publisher, "c/k", "two", 2, 0);
  sleeper = open_client("c-k", 0, NULL, &session_present);
  /* It is not in CONNACK of 3.1, and of 5.0 this client does not look at it. */
  REQUIRE(session_present == (version == MQTTVERSION_3_1_1));
  expect(sleeper, "c/k", "one", 2, 0);
  expect(sleeper, "c/k", "two", 2, 0);
  close_client(sleeper);
  close_client(open_client("c-k", 1, NULL, NULL));
  close_client(publisher);
}

static void expect_text(MQTTProperties* properties, enum MQTTPropertyCodes code, const char* text, const char* value) {
  const MQTTProperty* property = MQTTProperties_getProperty(properties, code);
  REQUIRE(property != NULL);
  REQUIRE(is_text(property->value.data.data, property->value.data.len, text));
  if (value) REQUIRE(is_text(property->value.value.data, property->value.value.len, value));
}

static void properties_of_5(void) {
  MQTTClient client = open_client("c-s", 1, NULL, NULL);
  subscribe(client, "c/ask", 1);
  MQTTProperties sent = MQTTProperties_initializer;
  add_text(&sent, MQTTPROPERTY_CODE_RESPONSE_TOPIC, "c/answer", NULL);
  add_text(&sent, MQTTPROPERTY_CODE_CORRELATION_DATA, "17", NULL);
  add_text(&sent, MQTTPROPERTY_CODE_CONTENT_TYPE, "text/plain", NULL);
  add_text(&sent, MQTTPROPERTY_CODE_USER_PROPERTY, "color", "blue");
  add_number(&sent, MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL, 3600);
  publish_with(client, "c/ask", "ping", 1, &sent);
  MQTTProperties_free(&sent);
  MQTTClient_message* message = take(client, "c/ask", "ping", 1);
  expect_text(&message->properties, MQTTPROPERTY_CODE_RESPONSE_TOPIC, "c/answer", NULL);
  expect_text(&message->properties, MQTTPROPERTY_CODE_CORRELATION_DATA, "17", NULL);
  expect_text(&message->properties, MQTTPROPERTY_CODE_CONTENT_TYPE, "text/plain", NULL);
  expect_text(&message->properties, MQTTPROPERTY_CODE_USER_PROPERTY, "color", "blue");
  /* What is left of it. */
  const int expiry_s =
      MQTTProperties_getNumericValue(&message->properties, MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL);
  REQUIRE(expiry_s > 0 && expiry_s <= 3600);
  MQTTClient_freeMessage(&message);
  close_client(client);
}

static void topic_alias_of_5(void) {
  MQTTClient client = open_client("c-s", 1, NULL, NULL);
  subscribe(client, "c/alias", 1);
  MQTTProperties alias = MQTTProperties_initializer;
  add_short(&alias, MQTTPROPERTY_CODE_TOPIC_ALIAS, 1);
  publish_with(client, "c/alias", "by name", 1, &alias);
  publish_with(client, "", "by alias", 1, &alias);
  MQTTProperties_free(&alias);
  expect(client, "c/alias", "by name", 1, 0);
  expect(client, "c/alias", "by alias", 1, 0);
  close_client(client);
}

/* Only in 5.0 can this client leave without taking its will along. */
static void will_of_5(void) {
  MQTTClient subscriber = open_client("c-s", 1, NULL, NULL);
  subscribe(subscriber, "c/will", 2);
  MQTTClient_willOptions will = MQTTClient_willOptions_initializer;
  will.topicName = "c/will";
  will.message = "gone";
  will.qos = 2;
  close_with(open_client("c-d", 1, &will, NULL), MQTTREASONCODE_DISCONNECT_WITH_WILL_MESSAGE);
  expect(subscriber, "c/will", "gone", 2, 0);
  close_client(subscriber);
}

int main(int count, char** arguments) {
  read_command_line(count, arguments);
  every_qos();
  large_message();
  retained_message();
  persistent_session();
  if (version == 5) {
    properties_of_5();
    topic_alias_of_5();
    will_of_5();
  }
  return 0;
}
