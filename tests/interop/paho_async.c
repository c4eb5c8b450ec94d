/* Paho C, asynchronous client: a pipelined stream of each QoS comes back to its publisher whole and in order, with 5.0
   each message with its user property. Exit 0 when all went well. */
#include <MQTTAsync.h>
#include <pthread.h>
#include <time.h>

#include "tests/interop/paho_c.h"

enum { kPatienceS = 60, kMessages = 1000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int connected;
static int subscribed;
static int completed;  // sends, with the whole handshake of their QoS
static int received[3];

static void add(int* counter) {
  pthread_mutex_lock(&lock);
  ++*counter;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
}

static void wait_for(const int* counter, int wanted) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += kPatienceS;
  pthread_mutex_lock(&lock);
  while (*counter < wanted) REQUIRE(pthread_cond_timedwait(&changed, &lock, &until) == 0);
  pthread_mutex_unlock(&lock);
}

// The context of each operation is the counter of those that went well. 5.0 has callbacks of its own.
static void on_success(void* context, MQTTAsync_successData* response) {
  (void)response;
  add(context);
}

static void on_success_5(void* context, MQTTAsync_successData5* response) {
  REQUIRE(response->reasonCode < MQTTREASONCODE_UNSPECIFIED_ERROR);
  add(context);
}

static void fail(void* context, const char* message) {
  const char* step = context == &connected ? "connect" : context == &subscribed ? "subscribe" : "publish";
  fprintf(stderr, "%s failed: %s\n", step, message ? message : "?");
  exit(1);
}

static void on_failure(void* context, MQTTAsync_failureData* response) {
  fail(context, response ? response->message : NULL);
}

static void on_failure_5(void* context, MQTTAsync_failureData5* response) {
  if (response) fprintf(stderr, "code %d, reason 0x%02x\n", response->code, response->reasonCode);
  fail(context, response ? response->message : NULL);
}

static MQTTAsync_responseOptions counted_in(int* counter) {
  MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
  options.context = counter;
  if (version == 5) {
    options.onSuccess5 = on_success_5;
    options.onFailure5 = on_failure_5;
  } else {
    options.onSuccess = on_success;
    options.onFailure = on_failure;
  }
  return options;
}

static int on_message(void* context, char* topic, int topic_bytes, MQTTAsync_message* message) {
  (void)context;
  (void)topic_bytes;
  const int qos = topic[strlen(topic) - 1] - '0';
  char text[16];
  snprintf(text, sizeof text, "%d", received[qos]);
  REQUIRE(message->qos == qos);
  REQUIRE(is_text(message->payload, message->payloadlen, text));
  if (version == 5) {
    const MQTTProperty* number = MQTTProperties_getProperty(&message->properties, MQTTPROPERTY_CODE_USER_PROPERTY);
    REQUIRE(number != NULL);
    REQUIRE(is_text(number->value.data.data, number->value.data.len, "number"));
    REQUIRE(is_text(number->value.value.data, number->value.value.len, text));
  }
  add(&received[qos]);
  MQTTAsync_freeMessage(&message);
  MQTTAsync_free(topic);
  return 1;
}

static MQTTAsync create(void) {
  MQTTAsync client;
  MQTTAsync_createOptions options = MQTTAsync_createOptions_initializer;
  options.maxBufferedMessages = 3 * kMessages;
  options.MQTTVersion = version == 5 ? MQTTVERSION_5 : MQTTVERSION_DEFAULT;
  REQUIRE(MQTTAsync_createWithOptions(&client, url, "c-async", MQTTCLIENT_PERSISTENCE_NONE, NULL, &options) ==
          MQTTASYNC_SUCCESS);
  REQUIRE(MQTTAsync_setCallbacks(client, NULL, NULL, on_message, NULL) == MQTTASYNC_SUCCESS);
  return client;
}

static void connect_and_wait(MQTTAsync client) {
  MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer;
  MQTTAsync_connectOptions options_5 = MQTTAsync_connectOptions_initializer5;
  if (version == 5) options = options_5;
  MQTTAsync_SSLOptions tls = MQTTAsync_SSLOptions_initializer;
  tls.trustStore = ca_file;
  tls.verify = 1;
  if (over_tls()) options.ssl = &tls;
  options.MQTTVersion = version;
  options.maxInflight = kMessages;  // where its window is full, this client sleeps for a second
  options.context = &connected;
  if (version == 5) {
    options.cleanstart = 1;
    options.onSuccess5 = on_success_5;
    options.onFailure5 = on_failure_5;
  } else {
    options.cleansession = 1;
    options.onSuccess = on_success;
    options.onFailure = on_failure;
  }
  REQUIRE(MQTTAsync_connect(client, &options) == MQTTASYNC_SUCCESS);
  wait_for(&connected, 1);
}

static void send_number(MQTTAsync client, const char* topic, int number, int qos) {
  char text[16];
  snprintf(text, sizeof text, "%d", number);
  MQTTAsync_responseOptions options = counted_in(&completed);
  if (version == 5) {
    MQTTProperty property = {.identifier = MQTTPROPERTY_CODE_USER_PROPERTY};
    property.value.data.data = "number";
    property.value.data.len = (int)strlen("number");
    property.value.value.data = text;
    property.value.value.len = (int)strlen(text);
    REQUIRE(MQTTProperties_add(&options.properties, &property) == 0);
  }
  REQUIRE(MQTTAsync_send(client, topic, (int)strlen(text), text, qos, 0, &options) == MQTTASYNC_SUCCESS);
  MQTTProperties_free(&options.properties);
}

int main(int count, char** arguments) {
  read_command_line(count, arguments);
  MQTTAsync client = create();
  connect_and_wait(client);
  for (int qos = 0; qos <= 2; ++qos) {
    char topic[16];
    snprintf(topic, sizeof topic, "ca/%d", qos);
    MQTTAsync_responseOptions options = counted_in(&subscribed);
    REQUIRE(MQTTAsync_subscribe(client, topic, qos, &options) == MQTTASYNC_SUCCESS);
    wait_for(&subscribed, qos + 1);
    for (int i = 0; i < kMessages; ++i) send_number(client, topic, i, qos);
    wait_for(&received[qos], kMessages);
  }
  // The last messages may come back before their own handshake is complete; ending before that is a failure of theirs.
  wait_for(&completed, 3 * kMessages);
  MQTTAsync_destroy(&client);
  return 0;
}
