/* Paho C, synchronous client, against the broker at 127.0.0.1:PORT: every QoS, retained, persistent session, MQTT 3.1.
   Exit 0 when all went well. */
#include <MQTTClient.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUIRE(condition)                                                      \
  do {                                                                          \
    if (!(condition)) {                                                         \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);           \
      exit(1);                                                                  \
    }                                                                           \
  } while (0)

enum { kPatienceMs = 10000, kMessages = 50 };
static char uri[64];

static MQTTClient open_client(const char* id, int clean, int version, int* session_present) {
  MQTTClient client;
  MQTTClient_connectOptions options = MQTTClient_connectOptions_initializer;
  REQUIRE(MQTTClient_create(&client, uri, id, MQTTCLIENT_PERSISTENCE_NONE, NULL) == MQTTCLIENT_SUCCESS);
  options.cleansession = clean;
  options.MQTTVersion = version;
  REQUIRE(MQTTClient_connect(client, &options) == MQTTCLIENT_SUCCESS);
  if (session_present) *session_present = options.returned.sessionPresent;
  return client;
}

static void close_client(MQTTClient client) {
  REQUIRE(MQTTClient_disconnect(client, kPatienceMs) == MQTTCLIENT_SUCCESS);
  MQTTClient_destroy(&client);
}

static void publish(MQTTClient client, const char* topic, const char* text, int qos, int retained) {
  MQTTClient_deliveryToken token;
  REQUIRE(MQTTClient_publish(client, topic, (int)strlen(text), text, qos, retained, &token) == MQTTCLIENT_SUCCESS);
  REQUIRE(MQTTClient_waitForCompletion(client, token, kPatienceMs) == MQTTCLIENT_SUCCESS);
}

static void expect(MQTTClient client, const char* topic, const char* text, int qos, int retained) {
  char* got_topic = NULL;
  int topic_bytes = 0;
  MQTTClient_message* message = NULL;
  REQUIRE(MQTTClient_receive(client, &got_topic, &topic_bytes, &message, kPatienceMs) == MQTTCLIENT_SUCCESS);
  REQUIRE(message != NULL);
  REQUIRE(strcmp(got_topic, topic) == 0);
  REQUIRE(message->payloadlen == (int)strlen(text) && memcmp(message->payload, text, strlen(text)) == 0);
  REQUIRE(message->qos == qos);
  REQUIRE(message->retained == retained);
  MQTTClient_freeMessage(&message);
  MQTTClient_free(got_topic);
}

static void every_qos(int version) {
  MQTTClient subscriber = open_client("c-s", 1, version, NULL);
  MQTTClient publisher = open_client("c-p", 1, version, NULL);
  for (int qos = 0; qos <= 2; ++qos) {
    char topic[16];
    char text[16];
    snprintf(topic, sizeof topic, "c/%d", qos);
    REQUIRE(MQTTClient_subscribe(subscriber, topic, qos) == MQTTCLIENT_SUCCESS);
    for (int i = 0; i < kMessages; ++i) {
      snprintf(text, sizeof text, "%d", i);
      publish(publisher, topic, text, qos, 0);
    }
    for (int i = 0; i < kMessages; ++i) {
      snprintf(text, sizeof text, "%d", i);
      expect(subscriber, topic, text, qos, 0);
    }
    REQUIRE(MQTTClient_unsubscribe(subscriber, topic) == MQTTCLIENT_SUCCESS);
  }
  close_client(publisher);
  close_client(subscriber);
}

static void retained_message(void) {
  MQTTClient publisher = open_client("c-p", 1, MQTTVERSION_3_1_1, NULL);
  publish(publisher, "c/r", "kept", 1, 1);
  MQTTClient subscriber = open_client("c-s", 1, MQTTVERSION_3_1_1, NULL);
  REQUIRE(MQTTClient_subscribe(subscriber, "c/r", 1) == MQTTCLIENT_SUCCESS);
  expect(subscriber, "c/r", "kept", 1, 1);
  publish(publisher, "c/r", "", 1, 1);
  close_client(publisher);
  close_client(subscriber);
}

static void persistent_session(void) {
  int session_present = 0;
  MQTTClient sleeper = open_client("c-k", 0, MQTTVERSION_3_1_1, NULL);
  REQUIRE(MQTTClient_subscribe(sleeper, "c/k", 2) == MQTTCLIENT_SUCCESS);
  close_client(sleeper);
  MQTTClient publisher = open_client("c-p", 1, MQTTVERSION_3_1_1, NULL);
  publish(publisher, "c/k", "one", 2, 0);
  publish(publisher, "c/k", "two", 2, 0);
  sleeper = open_client("c-k", 0, MQTTVERSION_3_1_1, &session_present);
  REQUIRE(session_present == 1);
  expect(sleeper, "c/k", "one", 2, 0);
  expect(sleeper, "c/k", "two", 2, 0);
  close_client(sleeper);
  close_client(open_client("c-k", 1, MQTTVERSION_3_1_1, NULL));
  close_client(publisher);
}

int main(int count, char** arguments) {
  REQUIRE(count == 2);
  snprintf(uri, sizeof uri, "tcp://127.0.0.1:%s", arguments[1]);
  every_qos(MQTTVERSION_3_1_1);
  every_qos(MQTTVERSION_3_1);
  retained_message();
  persistent_session();
  return 0;
}
