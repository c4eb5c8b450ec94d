// BrokerProcess: the real broker as a child process, seen from outside only: flags, its listening line, signals, exit
// code, what it writes. Owned by one test (or by one suite); the child never outlives it. Its stderr is kept and shown
// where a step fails. Any thread, one at a time.
//
// The program is PENSTOCK_BINARY, else the one of this build. While the tests themselves are developed,
// PENSTOCK_TEST_BROKER=mosquitto runs them against Debian's mosquitto: a test of 3.1.1 has to pass there too. In 5.0
// that one breaks the standard at places; the tests do not make way for it.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/transport.h"

namespace penstock::test {

std::string broker_binary();
std::string log_tool_binary();
bool runs_mosquitto();

struct BrokerFlags {
  std::string data_dir;
  int shards = 1;
  std::vector<std::string> more = {};   // as they stand on the command line
  std::function<void()> in_child = {};  // after fork, before exec: rlimits, seccomp. Async-signal-safe calls only.
};

class BrokerProcess {
 public:
  BrokerProcess() = default;
  // Starts and waits for the listening line; a failure of the test otherwise.
  explicit BrokerProcess(BrokerFlags flags);
  ~BrokerProcess();
  BrokerProcess(const BrokerProcess&) = delete;
  BrokerProcess& operator=(const BrokerProcess&) = delete;

  bool start(BrokerFlags flags);
  // Again on the same directory, with the same flags. Another port.
  bool restart();
  bool restart_with(int shards);

  // Starts and kills with SIGKILL after a while, wherever it is by then. restart() brings it up again.
  void kill_while_starting(std::chrono::microseconds after);

  void kill9();
  // SIGTERM, then waits. The exit code; -1 where it had to be killed or died of a signal (reported as a failure).
  int stop();
  // SIGTERM only.
  void terminate();
  // The exit code where it has ended by now.
  std::optional<int> poll_exit();
  // Waits for the end; none after the patience of a test.
  std::optional<int> wait_exit();
  bool running() const { return pid_ > 0; }  // started, and not yet stopped by us
  bool alive();                              // false where it has ended by itself

  const std::string& data_dir() const { return flags_.data_dir; }
  uint16_t port() const { return port_; }
  // Of the first listener with this scheme: "mqtts".
  uint16_t port_of(std::string_view scheme) const;
  uint16_t port_of(TransportKind kind) const;
  pid_t pid() const { return pid_; }
  const BrokerFlags& flags() const { return flags_; }
  // Memory that is its own: anonymous and shared memory, not mapped files.
  uint64_t resident_bytes() const;
  size_t descriptor_count() const;
  std::string stderr_text() const;
  // Whether it says so on standard error, now or soon.
  bool says(std::string_view text) const;

 private:
  void launch();
  bool spawn();
  bool await_listening_line();
  bool await_mosquitto();
  void report(const std::string& what) const;

  BrokerFlags flags_;
  pid_t pid_ = -1;
  uint16_t port_ = 0;
  std::string listening_;  // what it said of that, a line for each listener
  int output_ = -1;        // read end of the child's stdout
  std::string stderr_path_;
};

// A program run to its end with both outputs caught.
struct Finished {
  int exit_code = -1;  // 128 + signal where it died of one
  std::string out;
  std::string err;
};
// Killed, and 137, where it is still running after `patience`.
Finished run_program(const std::vector<std::string>& arguments, const std::function<void()>& in_child = {},
                     std::chrono::seconds patience = std::chrono::seconds(60));

// Runs `penstock-log verify` on the directory: anything it finds is a failure of the running test. Nothing to do while
// that tool is not built, or with another broker.
void expect_log_verifies(const std::string& data_dir);

}  // namespace penstock::test
