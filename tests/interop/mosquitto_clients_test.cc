// mosquitto_pub, mosquitto_sub and mosquitto_rr. Debian builds them without WebSocket.
#include <unistd.h>

#include <atomic>
#include <sstream>
#include <thread>

#include "tests/interop/client_suite.h"
#include "tests/support/test_client.h"

namespace penstock::test {
namespace {

constexpr const char* kPub = "/usr/bin/mosquitto_pub";
constexpr const char* kSub = "/usr/bin/mosquitto_sub";
constexpr const char* kRequest = "/usr/bin/mosquitto_rr";

class MosquittoClientsBase : public ClientSuite {
 protected:
  void SetUp() override {
    if (access(kPub, X_OK) != 0) GTEST_SKIP() << "mosquitto-clients is not installed";
  }

  static std::vector<std::string> joined(std::vector<std::string> first, const std::vector<std::string>& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
  }
  std::vector<std::string> command(const char* program, const Way& way, const std::vector<std::string>& more) const {
    std::vector<std::string> result = {program, "-h", "127.0.0.1", "-p", port_of(way.scheme)};
    result = joined(result, {"-V", way.version == "5" ? "mqttv5" : way.version == "3.1" ? "mqttv31" : "mqttv311"});
    if (way.scheme == "mqtts") result = joined(result, {"--cafile", authority()});
    return joined(result, more);
  }
};

class MosquittoClients : public MosquittoClientsBase, public testing::WithParamInterface<Way> {
 protected:
  std::vector<std::string> command(const char* program, const std::vector<std::string>& more) const {
    return MosquittoClientsBase::command(program, GetParam(), more);
  }
  // For a shell.
  std::string line(const char* program, const std::vector<std::string>& more) const {
    std::ostringstream text;
    for (const std::string& word : command(program, more)) text << "'" << word << "' ";
    return text.str();
  }
  void pub(const std::vector<std::string>& arguments) const { expect_success(command(kPub, arguments)); }
  // Ends after the messages that its arguments ask for (-C), or after 60 s with an error.
  Finished sub(const std::vector<std::string>& arguments) const {
    return run(command(kSub, joined({"-W", "60"}, arguments)));
  }
};

INSTANTIATE_TEST_SUITE_P(, MosquittoClients,
                         testing::Values(Way{"mqtt", "3.1"}, Way{"mqtt", "3.1.1"}, Way{"mqtt", "5"},
                                         Way{"mqtts", "3.1.1"}, Way{"mqtts", "5"}),
                         testing::PrintToStringParamName());

TEST_P(MosquittoClients, offline_session_receives_each_qos) {
  for (const char* qos : {"1", "2"}) {
    const std::vector<std::string> session = {"-i", "keeper", "-c", "-q", qos, "-t", "m/+"};
    EXPECT_EQ(sub(joined(session, {"-E"})).exit_code, 0);  // ends once subscribed
    for (const char* text : {"one", "two", "three"}) pub({"-q", qos, "-t", std::string("m/") + qos, "-m", text});
    const Finished finished = sub(joined(session, {"-C", "3", "-F", "%t %q %p"}));
    const std::string prefix = std::string("m/") + qos + ' ' + qos + ' ';
    EXPECT_EQ(finished.out, prefix + "one\n" + prefix + "two\n" + prefix + "three\n") << finished.err;
  }
}

TEST_P(MosquittoClients, retained_message_arrives_and_is_cleared) {
  for (const char* qos : {"0", "1", "2"}) {
    pub({"-q", qos, "-t", "m/r", "-m", "kept", "-r"});
    EXPECT_EQ(sub({"-q", "2", "-t", "m/r", "-C", "1", "-F", "%r %q %p"}).out, std::string("1 ") + qos + " kept\n");
  }
  pub({"-q", "1", "-t", "m/r", "-n", "-r"});
  pub({"-q", "1", "-t", "m/other", "-m", "other", "-r"});
  EXPECT_EQ(sub({"-t", "m/+", "-C", "1", "-F", "%t"}).out, "m/other\n");
}

TEST_P(MosquittoClients, live_messages_of_qos_0_arrive) {
  Finished finished;
  std::atomic<bool> ended = false;
  std::thread reader([&] {
    finished = sub({"-t", "m/live", "-C", "2"});
    ended = true;
  });
  TestClient publisher(broker_.port(), ConnectOptions{.client_id = "p"});
  // Nobody tells when the reader has subscribed, so it goes on until the reader has had enough.
  while (!ended) {
    publisher.publish("m/live", "live", 0);
    publisher.expect_quiet();
  }
  reader.join();
  EXPECT_EQ(finished.out, "live\nlive\n") << finished.err;
}

TEST_P(MosquittoClients, the_will_of_a_killed_one_arrives) {
  TestClient watcher(broker_.port(), ConnectOptions{.client_id = "w"});
  watcher.subscribe("m/will", 1);
  watcher.publish("m/ready", "ready", 1, true);
  // Killed once it has received the retained message, so it was connected and subscribed.
  const std::string seen = dir_ / "seen";
  const std::string dying =
      line(kSub, {"-t", "m/ready", "-W", "60", "--will-topic", "m/will", "--will-payload", "gone", "--will-qos", "1"});
  expect_success({"/bin/sh", "-c",
                  dying + "> " + seen + " & reader=$!; until test -s " + seen +
                      " || ! kill -0 $reader; do sleep 0.02; done; kill -9 $reader"});
  watcher.expect_message("m/will", "gone");
}

TEST_P(MosquittoClients, a_file_and_lines_go_through) {
  const Finished finished =
      run({"/bin/sh", "-c", "seq 1 500 | " + line(kPub, {"-q", "1", "-t", "m/lines", "-l", "-i", "writer"})});
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
}

class MosquittoClientsOverTls : public MosquittoClientsBase {};

TEST_F(MosquittoClientsOverTls, either_version_with_and_without_certificate) {
  const Way way = {"mqtts", "3.1.1"};
  for (const char* version : {"tlsv1.2", "tlsv1.3"}) {
    const std::vector<std::string> shown = {"--cert", client_certificate(), "--key", client_key()};
    const std::vector<std::string> pub = {"--tls-version", version, "-q", "2", "-r", "-t", "m/tls", "-m", version};
    expect_success(command(kPub, way, pub));
    expect_success(command(kPub, way, joined(pub, shown)));
    const Finished finished = run(command(kSub, way, {"--tls-version", version, "-t", "m/tls", "-C", "1", "-W", "60"}));
    EXPECT_EQ(finished.out, std::string(version) + "\n") << finished.err;
  }
}

class MosquittoClientsOf5 : public MosquittoClients {};
INSTANTIATE_TEST_SUITE_P(, MosquittoClientsOf5, testing::Values(Way{"mqtt", "5"}, Way{"mqtts", "5"}),
                         testing::PrintToStringParamName());

TEST_P(MosquittoClientsOf5, properties_of_a_message_arrive) {
  const std::vector<std::string> session = {
      "-i", "keeper", "-c", "-q", "1", "-t", "m/p", "-D", "subscribe", "subscription-identifier", "7"};
  EXPECT_EQ(sub(joined(session, {"-E"})).exit_code, 0);
  pub({"-q",         "1",       "-t",
       "m/p",        "-m",      "ping",  //
       "-D",         "publish", "user-property",
       "color",      "blue",  //
       "-D",         "publish", "content-type",
       "text/plain",  //
       "-D",         "publish", "response-topic",
       "m/answers",  //
       "-D",         "publish", "correlation-data",
       "17",  //
       "-D",         "publish", "payload-format-indicator",
       "1"});
  const Finished finished = sub(joined(session, {"-C", "1", "-F", "%P|%C|%R|%D|%F|%S|%p"}));
  EXPECT_EQ(finished.out, "color:blue|text/plain|m/answers|17|1|7|ping\n") << finished.err;
}

TEST_P(MosquittoClientsOf5, an_alias_stands_for_the_topic_of_the_lines_that_follow) {
  const std::vector<std::string> session = {"-i", "keeper", "-c", "-q", "1", "-t", "m/alias"};
  EXPECT_EQ(sub(joined(session, {"-E"})).exit_code, 0);
  const Finished written =
      run({"/bin/sh", "-c",
           "seq 1 3 | " + line(kPub, {"-q", "1", "-t", "m/alias", "-l", "-D", "publish", "topic-alias", "3"})});
  EXPECT_EQ(written.exit_code, 0) << written.err;
  EXPECT_EQ(sub(joined(session, {"-C", "3", "-v"})).out, "m/alias 1\nm/alias 2\nm/alias 3\n");
}

TEST_P(MosquittoClientsOf5, an_expired_message_does_not_arrive) {
  const std::vector<std::string> session = {"-i", "keeper", "-c", "-q", "1", "-t", "m/e"};
  EXPECT_EQ(sub(joined(session, {"-E"})).exit_code, 0);
  pub({"-q", "1", "-t", "m/e", "-m", "old", "-D", "publish", "message-expiry-interval", "0"});
  pub({"-q", "1", "-t", "m/e", "-m", "lasting", "-D", "publish", "message-expiry-interval", "3600"});
  EXPECT_EQ(sub(joined(session, {"-C", "1"})).out, "lasting\n");
}

TEST_P(MosquittoClientsOf5, a_request_gets_its_answer) {
  TestClient responder(broker_.port(), ConnectOptions{.client_id = "r", .protocol_level = kLevel5});
  responder.subscribe("m/ask", 1);
  Finished finished;
  std::thread requester([&] {
    finished = run(command(kRequest, {"-q", "1", "-W", "60", "-t", "m/ask", "-e", "m/answers", "-m", "ping", "-D",
                                      "publish", "correlation-data", "17"}));
  });
  const Packet request = responder.take_message();
  EXPECT_EQ(request.text(PropertyId::kCorrelation), "17");
  responder.publish(request.text(PropertyId::kResponseTopic), "pong",
                    PublishOptions{.qos = 1, .properties = {{PropertyId::kCorrelation, "17"}}});
  requester.join();
  EXPECT_EQ(finished.out, "pong\n") << finished.err;
}

}  // namespace
}  // namespace penstock::test
