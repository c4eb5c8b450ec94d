/* Paho C, asynchronous client, against the broker at 127.0.0.1:PORT: a pipelined stream of each QoS comes back to its
   publisher whole and in order. Exit 0 when all went well. */
#include <MQTTAsync.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REQUIRE(condition)                                                      \
  do {                                                                          \
    if (!(condition)) {                                                         \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);           \
      exit(1);                                                                  \
    }                                                                           \
  } while (0)

enum { kPatienceS = 20, kMessages = 1000 };

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

static void on_connected(void* context, MQTTAsync_successData* data) {
  (void)context;
  (void)data;
  add(&connected);
}

static void on_subscribed(void* context, MQTTAsync_successData* data) {
  (void)context;
  (void)data;
  add(&subscribed);
}

static void on_sent(void* context, MQTTAsync_successData* data) {
  (void)context;
  (void)data;
  add(&completed);
}

static void on_failure(void* context, MQTTAsync_failureData* data) {
  fprintf(stderr, "%s failed: %s\n", (const char*)context, data && data->message ? data->message : "?");
  exit(1);
}

static int on_message(void* context, char* topic, int topic_bytes, MQTTAsync_message* message) {
  (void)context;
  (void)topic_bytes;
  const int qos = topic[strlen(topic) - 1] - '0';
  char text[16];
  snprintf(text, sizeof text, "%d", received[qos]);
  REQUIRE(message->qos == qos);
  REQUIRE(message->payloadlen == (int)strlen(text) && memcmp(message->payload, text, strlen(text)) == 0);
  add(&received[qos]);
  MQTTAsync_freeMessage(&message);
  MQTTAsync_free(topic);
  return 1;
}

int main(int count, char** arguments) {
  REQUIRE(count == 2);
  char uri[64];
  snprintf(uri, sizeof uri, "tcp://127.0.0.1:%s", arguments[1]);
  MQTTAsync client;
  MQTTAsync_createOptions create = MQTTAsync_createOptions_initializer;
  create.maxBufferedMessages = 3 * kMessages;
  REQUIRE(MQTTAsync_createWithOptions(&client, uri, "c-async", MQTTCLIENT_PERSISTENCE_NONE, NULL, &create) ==
          MQTTASYNC_SUCCESS);
  REQUIRE(MQTTAsync_setCallbacks(client, NULL, NULL, on_message, NULL) == MQTTASYNC_SUCCESS);
  MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer;
  options.cleansession = 1;
  options.maxInflight = kMessages;  // where its window is full, this client sleeps for a second
  options.onSuccess = on_connected;
  options.onFailure = on_failure;
  options.context = "connect";
  REQUIRE(MQTTAsync_connect(client, &options) == MQTTASYNC_SUCCESS);
  wait_for(&connected, 1);
  for (int qos = 0; qos <= 2; ++qos) {
    char topic[16];
    snprintf(topic, sizeof topic, "ca/%d", qos);
    MQTTAsync_responseOptions response = MQTTAsync_responseOptions_initializer;
    response.onSuccess = on_subscribed;
    response.onFailure = on_failure;
    response.context = "subscribe";
    REQUIRE(MQTTAsync_subscribe(client, topic, qos, &response) == MQTTASYNC_SUCCESS);
    wait_for(&subscribed, qos + 1);
    for (int i = 0; i < kMessages; ++i) {
      char text[16];
      snprintf(text, sizeof text, "%d", i);
      MQTTAsync_responseOptions sent = MQTTAsync_responseOptions_initializer;
      sent.onSuccess = on_sent;
      sent.onFailure = on_failure;
      sent.context = "publish";
      REQUIRE(MQTTAsync_send(client, topic, (int)strlen(text), text, qos, 0, &sent) == MQTTASYNC_SUCCESS);
    }
    wait_for(&received[qos], kMessages);
  }
  // The last messages may come back before their own handshake is complete; ending before that is a failure of theirs.
  wait_for(&completed, 3 * kMessages);
  MQTTAsync_destroy(&client);
  return 0;
}
