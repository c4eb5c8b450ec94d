// penstock-log on the data directory of the real broker: while it runs, after it was killed, and after a clean stop,
// when everything stands in checkpoints, queue pages and indexes.
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/support/broker_process.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_client.h"

namespace penstock::test {
namespace {

using Json = nlohmann::json;

constexpr int kMessages = 3000;

class LogToolOnBroker : public testing::Test {
 protected:
  void SetUp() override {
    if (runs_mosquitto()) GTEST_SKIP() << "about Penstock's own files";
    ASSERT_TRUE(broker_.start({.data_dir = data(), .shards = 1, .more = {"--segment-bytes", "1048576"}}));
  }
  std::string data() const { return dir_ / "data"; }

  Finished run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {log_tool_binary(), data()});
    return run_program(arguments);
  }
  std::vector<Json> lines(std::vector<std::string> arguments) {
    arguments.push_back("--json");
    const Finished finished = run(arguments);
    EXPECT_EQ(finished.exit_code, 0) << finished.err;
    std::vector<Json> all;
    std::istringstream in(finished.out);
    for (std::string line; std::getline(in, line);) all.push_back(Json::parse(line));
    return all;
  }
  void leave_sessions_and_messages() {
    {
      TestClient sleeper(broker_.port(), {.client_id = "sleeper", .clean_session = false});
      sleeper.subscribe("sensors/#", 1);
      sleeper.subscribe("other/+", 2);
      sleeper.disconnect();
    }
    TestClient publisher(broker_.port(), {.client_id = "publisher"});
    for (int n = 0; n < kMessages; ++n) {
      publisher.publish((n % 3 == 0 ? "other/" : "sensors/") + std::to_string(n % 7), "value " + std::to_string(n));
    }
    publisher.publish("sensors/last", "the end", 1);
    publisher.disconnect();
  }
  void expect_queries() {
    EXPECT_EQ(lines({"query", "--parent", "other"}).size(), kMessages / 3);
    const auto sensors = lines({"query", "--parent", "sensors"});
    ASSERT_EQ(sensors.size(), kMessages - kMessages / 3 + 1);
    EXPECT_EQ(sensors.back()["payload"], "the end");
    EXPECT_TRUE(
        std::ranges::is_sorted(sensors, {}, [](const Json& record) { return record["sequence"].get<uint64_t>(); }));
    EXPECT_EQ(lines({"query", "--parent", "sensors", "--topic", "sensors/last"}).size(), 1u);
    EXPECT_EQ(lines({"query", "--parent", "sensors", "--limit", "5"}).size(), 5u);
    EXPECT_EQ(lines({"query", "--parent", "nothing"}).size(), 0u);
    const std::string time = sensors[sensors.size() / 2]["time"];
    const auto later = lines({"query", "--parent", "sensors", "--from", time});
    const auto earlier = lines({"query", "--parent", "sensors", "--to", time});
    EXPECT_EQ(later.size() + earlier.size(), sensors.size());
  }
  void expect_sleeper() {
    const auto sessions = lines({"sessions"});
    ASSERT_EQ(sessions.size(), 1u) << "a clean session leaves nothing";
    EXPECT_EQ(sessions[0]["client"], "sleeper");
    EXPECT_EQ(sessions[0]["online"], false);
    ASSERT_EQ(sessions[0]["subscriptions"].size(), 2u);
    EXPECT_EQ(sessions[0]["subscriptions"][0]["filter"], "other/+");
    EXPECT_EQ(sessions[0]["subscriptions"][0]["qos"], 2);
  }

  TempDir dir_;
  BrokerProcess broker_;
};

TEST_F(LogToolOnBroker, agrees_with_a_running_broker) {
  leave_sessions_and_messages();
  expect_queries();
  expect_sleeper();
  expect_log_verifies(data());
}

TEST_F(LogToolOnBroker, agrees_with_what_a_killed_broker_left) {
  leave_sessions_and_messages();
  broker_.kill9();
  expect_queries();
  expect_sleeper();
  expect_log_verifies(data());
}

TEST_F(LogToolOnBroker, reads_checkpoint_queues_and_indexes_after_a_clean_stop) {
  leave_sessions_and_messages();
  EXPECT_EQ(broker_.stop(), 0);
  expect_queries();
  expect_sleeper();
  expect_log_verifies(data());
  const auto queues = lines({"queues"});
  const auto find = [&](const std::string& kind, const std::string& name) -> Json {
    for (const Json& queue : queues) {
      if (queue["kind"] == kind && queue["name"] == name) return queue;
    }
    return {};
  };
  EXPECT_EQ(find("parent", "other")["entries"], kMessages / 3);
  EXPECT_EQ(find("parent", "sensors")["entries"], kMessages - kMessages / 3 + 1);
  const auto sessions = lines({"sessions", "--client", "sleeper"});
  ASSERT_EQ(sessions.size(), 1u);
  EXPECT_EQ(run({"sessions", "--client", "nobody"}).exit_code, 1);
}

TEST_F(LogToolOnBroker, finds_a_damaged_queue_page) {
  // Enough that a batch of pages is on the disk before the checkpoint of the stop.
  for (int i = 0; i < 16; ++i) leave_sessions_and_messages();
  EXPECT_EQ(broker_.stop(), 0);
  std::string pages;
  for (const auto& file : std::filesystem::recursive_directory_iterator(data())) {
    if (file.path().extension() == ".pages") pages = file.path();
  }
  ASSERT_FALSE(pages.empty()) << "no backlog was large enough for a page file";
  {
    std::fstream file(pages, std::ios::in | std::ios::out | std::ios::binary);
    // In every page: some are not needed any more, because the sleeper has got their messages.
    for (uint64_t at = 1000; at < std::filesystem::file_size(pages); at += 4096)
      file.seekp(static_cast<int64_t>(at)).put('x').put('y');
  }
  const Finished finished = run({"verify"});
  EXPECT_EQ(finished.exit_code, 1) << finished.out;
  EXPECT_NE(finished.out.find(pages), std::string::npos) << finished.out;
}

TEST_F(LogToolOnBroker, tail_follows_new_messages) {
  int output[2];
  ASSERT_EQ(pipe(output), 0);
  const std::string binary = log_tool_binary();
  const std::string directory = data();
  const pid_t child = fork();
  if (child == 0) {
    dup2(output[1], 1);
    close(output[0]);
    close(output[1]);
    execl(binary.c_str(), binary.c_str(), directory.c_str(), "tail", "-f", "-n", "0", "--topic", "news/#", nullptr);
    _exit(127);
  }
  close(output[1]);
  TestClient publisher(broker_.port(), {.client_id = "publisher"});
  // The tool may start after the first ones; those it shows come in order, and without holes.
  std::string seen;
  char buffer[4096];
  FILE* const lines_in = fdopen(output[0], "r");
  int published = 0;
  std::vector<int> numbers;
  while (numbers.size() < 20 && published < 5000) {
    publisher.publish("news/today", "number " + std::to_string(published++), 1);
    pollfd waiting{.fd = output[0], .events = POLLIN};
    while (poll(&waiting, 1, numbers.empty() ? 5 : 0) > 0 && fgets(buffer, sizeof buffer, lines_in) != nullptr) {
      seen = buffer;
      const size_t at = seen.find("number ");
      ASSERT_NE(at, std::string::npos) << seen;
      numbers.push_back(std::stoi(seen.substr(at + 7)));
    }
  }
  kill(child, SIGTERM);
  waitpid(child, nullptr, 0);
  fclose(lines_in);
  ASSERT_GE(numbers.size(), 20u);
  for (size_t i = 1; i < numbers.size(); ++i) EXPECT_EQ(numbers[i], numbers[i - 1] + 1);
}

}  // namespace
}  // namespace penstock::test
