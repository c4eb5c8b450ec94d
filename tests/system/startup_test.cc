// Starting and refusing to start: flags, configuration, the lock, the kernel's abilities. Everything that is wrong gets
// one line that names it, and the exit code says so.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include "tests/support/broker_process.h"
#include "tests/support/faulty_disk.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_client.h"

namespace penstock::test {
namespace {

class Startup : public testing::Test {
 protected:
  void SetUp() override {
    if (runs_mosquitto()) GTEST_SKIP() << "about Penstock's own flags";
  }

  Finished run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), broker_binary());
    return run_program(arguments, {}, kPatience);
  }

  std::vector<std::string> with_data(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--data-dir", dir_ / "data"});
    return arguments;
  }

  std::string config(const std::string& text) const {
    std::ofstream(dir_ / "penstock.toml") << text;
    return dir_ / "penstock.toml";
  }

  TempDir dir_;
};

void expect_one_line_naming(const Finished& finished, int exit_code, const std::string& named) {
  EXPECT_EQ(finished.exit_code, exit_code);
  EXPECT_EQ(std::ranges::count(finished.err, '\n'), 1) << finished.err;
  EXPECT_NE(finished.err.find(named), std::string::npos) << "'" << named << "' is not named in: " << finished.err;
}

TEST_F(Startup, bad_flags_get_one_line_naming_them_and_exit_2) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> wrong = {
      {{"--no-such-flag"}, "--no-such-flag"},
      {{"--shards", "none"}, "--shards"},
      {{"--shards", "0"}, "--shards"},
      {{"--shards", "-1"}, "--shards"},
      {{"--shards", "100000"}, "--shards"},
      {{"--durability", "hope"}, "--durability"},
      {{"--retention", "soon"}, "--retention"},
      {{"--segment-bytes", "12"}, "--segment-bytes"},
      {{"--max-payload", "1000000000000"}, "--max-payload"},
      {{"--inflight", "0"}, "--inflight"},
      {{"--inflight", "70000"}, "--inflight"},
      {{"--client-id-conflict", "fight"}, "--client-id-conflict"},
      {{"--log-level", "poem"}, "--log-level"},
      {{"--listen", "http://127.0.0.1:0"}, "--listen"},
      {{"--listen", "mqtt://"}, "--listen"},
      {{"--listen", "mqtt://127.0.0.1:66000"}, "--listen"},
      {{"--listen", "nonsense"}, "--listen"},
      {{"--listen", "mqtts://127.0.0.1:0"}, "--listen"},
      {{"--listen", "mqtts://127.0.0.1:0?cert=/no/such.pem&key=/no/such.pem"}, "/no/such.pem"},
      {{"--config", "/no/such/file.toml"}, "/no/such/file.toml"},
      {{"--shards"}, "--shards"},
  };
  for (const auto& [arguments, named] : wrong) {
    SCOPED_TRACE(testing::PrintToString(arguments));
    if (HasFatalFailure() || HasNonfatalFailure()) break;
    expect_one_line_naming(run(with_data(arguments)), 2, named);
    EXPECT_FALSE(std::filesystem::exists(dir_ / "data")) << "nothing is made before the flags are understood";
  }
}

TEST_F(Startup, bad_config_file_gets_one_line_naming_it_and_exit_2) {
  expect_one_line_naming(run(with_data({"--config", config("shards = [[[\n")})), 2, "penstock.toml");
  expect_one_line_naming(run(with_data({"--config", config("no-such-setting = 1\n")})), 2, "no-such-setting");
  expect_one_line_naming(run(with_data({"--config", config("durability = \"hope\"\n")})), 2, "durability");
}

TEST_F(Startup, bad_environment_gets_one_line_naming_it_and_exit_2) {
  std::vector<std::string> command = {"/usr/bin/env", "PENSTOCK_SHARDS=many", broker_binary()};
  expect_one_line_naming(run_program(with_data(command), {}, kPatience), 2, "PENSTOCK_SHARDS");
}

TEST_F(Startup, check_config_starts_nothing) {
  const Finished good = run(with_data({"--check-config", "--shards", "2"}));
  EXPECT_EQ(good.exit_code, 0) << good.err;
  EXPECT_FALSE(std::filesystem::exists(dir_ / "data"));
  const Finished file = run({"--check-config", "--config", config("shards = 2\ndurability = \"write\"\n")});
  EXPECT_EQ(file.exit_code, 0) << file.err;
  expect_one_line_naming(run({"--check-config", "--config", config("shards = 0\n")}), 2, "shards");
}

TEST_F(Startup, version_and_help_answer_and_end) {
  const Finished version = run({"--version"});
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_NE(version.out.find("0."), std::string::npos) << version.out;
  const Finished help = run({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  for (const char* flag : {"--listen", "--data-dir", "--shards", "--durability", "--retention", "--retention-bytes",
                           "--segment-bytes", "--max-payload", "--max-connections", "--inflight", "--keepalive-max",
                           "--session-expiry", "--client-id-conflict", "--queue-qos0", "--log-level", "--version",
                           "--check-config", "--config", "--allow-anonymous"}) {
    EXPECT_NE(help.out.find(flag), std::string::npos) << flag;
  }
}

TEST_F(Startup, does_not_listen_beyond_loopback_unless_told_to) {
  const Finished refused = run(with_data({"--listen", "mqtt://0.0.0.0:0"}));
  expect_one_line_naming(refused, 2, "--allow-anonymous");
  BrokerProcess broker({.data_dir = dir_ / "data", .more = {"--listen", "mqtt://0.0.0.0:0", "--allow-anonymous"}});
  EXPECT_TRUE(broker.running());
  EXPECT_EQ(broker.stop(), 0);
}

TEST_F(Startup, flags_win_over_environment_and_file) {
  const std::string file = config("inflight = 3\nsegment-bytes = 12\n");
  expect_one_line_naming(run(with_data({"--config", file})), 2, "segment-bytes");
  const Finished fine = run(with_data({"--check-config", "--config", file, "--segment-bytes", "4194304"}));
  EXPECT_EQ(fine.exit_code, 0) << fine.err;
}

TEST_F(Startup, a_second_broker_on_the_same_directory_is_refused) {
  BrokerProcess broker({.data_dir = dir_ / "data"});
  const Finished second = run(with_data({"--listen", "mqtt://127.0.0.1:0"}));
  EXPECT_NE(second.exit_code, 0);
  EXPECT_EQ(std::ranges::count(second.err, '\n'), 1) << second.err;
  EXPECT_NE(second.err.find(dir_ / "data"), std::string::npos) << second.err;
  TestClient(broker.port(), ConnectOptions{.client_id = "a"}).expect_quiet();  // the first one serves on
  broker.kill9();
  EXPECT_TRUE(broker.restart());  // a killed broker leaves no lock behind
  EXPECT_EQ(broker.stop(), 0);
}

TEST_F(Startup, a_taken_port_is_named) {
  // A socket without SO_REUSEPORT holds the port.
  const int holder = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t name_bytes = sizeof name;
  ASSERT_EQ(bind(holder, reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
  ASSERT_EQ(listen(holder, 1), 0);
  ASSERT_EQ(getsockname(holder, reinterpret_cast<sockaddr*>(&name), &name_bytes), 0);
  const std::string address = "127.0.0.1:" + std::to_string(ntohs(name.sin_port));
  const Finished second = run(with_data({"--listen", "mqtt://" + address, "--shards", "1"}));
  EXPECT_NE(second.exit_code, 0);
  EXPECT_NE(second.err.find(address), std::string::npos) << second.err;
  close(holder);
}

TEST_F(Startup, listens_on_several_addresses_and_ipv6) {
  BrokerProcess broker({.data_dir = dir_ / "data", .more = {"--listen", "mqtt://[::1]:0"}});
  ASSERT_TRUE(broker.running());
  TestClient(broker.port(), ConnectOptions{.client_id = "a"}).expect_quiet();
  EXPECT_EQ(broker.stop(), 0);
}

// What a shard says goes to a pipe. Its reader may be gone, or may have stopped to read.
TEST_F(Startup, nobody_has_to_read_what_it_says) {
  for (const bool reader_is_gone : {true, false}) {
    SCOPED_TRACE(reader_is_gone);
    int ends[2];
    ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
    BrokerProcess broker({.data_dir = dir_ / (reader_is_gone ? "gone" : "stopped"),
                          .in_child = [write_end = ends[1]] { dup2(write_end, STDERR_FILENO); }});
    ASSERT_TRUE(broker.running());
    close(ends[1]);
    if (reader_is_gone) close(ends[0]);
    // Each of them is a warning; together they are more than a pipe holds.
    for (int i = 0; i < 40; ++i) {
      TestClient wrong(broker.port(), ConnectOptions{.client_id = std::string(65'000, 'x')});
      wrong.send(std::string("\xf0\0", 2));
      wrong.expect_closed();
    }
    EXPECT_EQ(broker.stop(), 0);
    if (!reader_is_gone) close(ends[0]);
  }
}

TEST_F(Startup, started_without_standard_streams_it_writes_into_none_of_its_files) {
  BrokerProcess broker({.data_dir = dir_ / "data", .in_child = [] {
                          close(STDIN_FILENO);
                          close(STDERR_FILENO);
                        }});
  ASSERT_TRUE(broker.running());
  TestClient wrong(broker.port());
  wrong.send(std::string("\xf0\0", 2));
  wrong.expect_closed();
  const std::string open_files = "/proc/" + std::to_string(broker.pid()) + "/fd/";
  EXPECT_EQ(std::filesystem::read_symlink(open_files + "0"), "/dev/null");
  EXPECT_EQ(std::filesystem::read_symlink(open_files + "2"), "/dev/null");
  EXPECT_EQ(broker.stop(), 0);
}

// A terminal of the broker's own; its other end is ours.
class Terminal {
 public:
  Terminal() : ours_(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
    grantpt(ours_);
    unlockpt(ours_);
    theirs_ = ptsname(ours_);
  }
  ~Terminal() { hang_up(); }
  void hang_up() {
    if (ours_ >= 0) close(ours_);
    ours_ = -1;
  }
  void take_in_child() const {
    setsid();
    ioctl(open(theirs_.c_str(), O_RDWR), TIOCSCTTY, 0);
  }

 private:
  int ours_;
  std::string theirs_;
};

TEST_F(Startup, stops_clean_when_its_terminal_goes) {
  Terminal terminal;
  BrokerProcess broker({.data_dir = dir_ / "data", .in_child = [&terminal] { terminal.take_in_child(); }});
  ASSERT_TRUE(broker.running());
  terminal.hang_up();
  EXPECT_EQ(broker.wait_exit(), 0);
}

TEST_F(Startup, sighup_alone_does_not_stop_it) {
  Terminal terminal;
  BrokerProcess with_terminal({.data_dir = dir_ / "with", .in_child = [&terminal] { terminal.take_in_child(); }});
  BrokerProcess without({.data_dir = dir_ / "without", .in_child = [] { setsid(); }});
  for (BrokerProcess* broker : {&with_terminal, &without}) {
    ASSERT_TRUE(broker->running());
    kill(broker->pid(), SIGHUP);
    TestClient(broker->port(), ConnectOptions{.client_id = "a"}).expect_quiet();
    EXPECT_EQ(broker->stop(), 0);
  }
}

// A start that never comes to its end: nobody answers for the disk.
TEST_F(Startup, a_stop_is_obeyed_while_it_starts) {
  FaultyDisk disk(dir_ / "faulty", false);
  if (!disk.ready()) GTEST_SKIP() << disk.reason();
  disk.hang();
  const std::vector<std::string> command = {broker_binary(), "--listen", "mqtt://127.0.0.1:0", "--data-dir",
                                            disk.path()};
  // Held back, it is there when the broker begins to look.
  const auto sigterm_waits = [] {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    kill(getpid(), SIGTERM);
  };
  const Finished finished = run_program(command, sigterm_waits, kPatience);
  EXPECT_EQ(finished.exit_code, 0);
  EXPECT_NE(finished.err.find("stopped while starting"), std::string::npos) << finished.err;
}

// Container profiles forbid io_uring this way.
template <int kErrno>
void forbid_io_uring() {
  static constexpr unsigned kIoUringSetup = 425;
  static const sock_filter kFilter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kIoUringSetup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (kErrno & SECCOMP_RET_DATA)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{std::size(kFilter), const_cast<sock_filter*>(kFilter)};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

TEST_F(Startup, forbidden_io_uring_gets_one_line_with_the_remedy) {
  const auto command = with_data({broker_binary(), "--listen", "mqtt://127.0.0.1:0"});
  for (const auto& in_child : {&forbid_io_uring<EPERM>, &forbid_io_uring<ENOSYS>}) {
    const Finished finished = run_program(command, in_child, kPatience);
    EXPECT_NE(finished.exit_code, 0);
    EXPECT_LT(finished.exit_code, 128) << "died of a signal";
    EXPECT_EQ(std::ranges::count(finished.err, '\n'), 1) << finished.err;
    EXPECT_NE(finished.err.find("io_uring"), std::string::npos) << finished.err;
    // The remedy: where it can be allowed.
    EXPECT_TRUE(finished.err.find("seccomp") != std::string::npos ||
                finished.err.find("io_uring_disabled") != std::string::npos ||
                finished.err.find("kernel") != std::string::npos)
        << finished.err;
  }
}

}  // namespace
}  // namespace penstock::test
