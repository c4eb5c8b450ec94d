#include "tests/support/broker_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "core/check.h"
#include "tests/support/layered_transport.h"
#include "tests/support/test_client.h"

namespace penstock::test {
namespace {

constexpr std::string_view kListening = "listening on ";
using SteadyClock = std::chrono::steady_clock;

// Sanitized and debug builds are slow to start on a busy machine.
constexpr std::chrono::seconds kStartPatience{60};

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

uint16_t free_port() {
  const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t bytes = sizeof address;
  bind(probe, reinterpret_cast<sockaddr*>(&address), sizeof address);
  getsockname(probe, reinterpret_cast<sockaddr*>(&address), &bytes);
  close(probe);
  return ntohs(address.sin_port);
}

std::vector<std::string> mosquitto_command(const BrokerFlags& flags, uint16_t port) {
  const std::string config = flags.data_dir + "/mosquitto.conf";
  std::ofstream file(config);
  file << "listener " << port << " 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location "
       << flags.data_dir << "/\nmax_queued_messages 0\nmax_inflight_messages 0\nuser root\nset_tcp_nodelay true\n";
  return {"/usr/sbin/mosquitto", "-c", config};
}

std::vector<std::string> penstock_command(const BrokerFlags& flags) {
  std::vector<std::string> command = {broker_binary(),
                                      "--listen",
                                      listener_of(transport_under_test(), flags.data_dir),
                                      "--data-dir",
                                      flags.data_dir,
                                      "--shards",
                                      std::to_string(flags.shards)};
  command.insert(command.end(), flags.more.begin(), flags.more.end());
  // Many brokers run side by side: a broker with 8 shards would prepare gigabytes of default segments.
  if (std::ranges::find(flags.more, "--segment-bytes") == flags.more.end()) {
    command.insert(command.end(), {"--segment-bytes", "16777216"});
  }
  return command;
}

// Forks and runs. The child dies with the thread that made it.
pid_t spawn_child(const std::vector<std::string>& command, int out, int err, const std::function<void()>& in_child) {
  std::vector<char*> arguments;
  for (const std::string& part : command) arguments.push_back(const_cast<char*>(part.c_str()));
  arguments.push_back(nullptr);
  const pid_t pid = fork();
  if (pid != 0) return pid;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  if (in_child) in_child();
  execv(arguments[0], arguments.data());
  _exit(127);
}

// All programs of a build lie in one folder.
std::string beside_this_program(const std::string& name) {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / name;
}

int code_of(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

std::string broker_binary() {
  const char* path = getenv("PENSTOCK_BINARY");
  return path != nullptr ? path : beside_this_program("penstock");
}

std::string log_tool_binary() {
  const char* path = getenv("PENSTOCK_LOG_BINARY");
  return path != nullptr ? path : beside_this_program("penstock-log");
}

bool runs_mosquitto() {
  const char* broker = getenv("PENSTOCK_TEST_BROKER");
  return broker != nullptr && std::string_view(broker) == "mosquitto";
}

BrokerProcess::BrokerProcess(BrokerFlags flags) {
  start(std::move(flags));
}

BrokerProcess::~BrokerProcess() {
  if (testing::Test::HasFailure() && getenv("PENSTOCK_KEEP_TEMP") != nullptr) std::cerr << stderr_text();
  kill9();
}

bool BrokerProcess::start(BrokerFlags flags) {
  flags_ = std::move(flags);
  std::filesystem::create_directories(flags_.data_dir);
  stderr_path_ = flags_.data_dir + ".stderr";
  return spawn();
}

bool BrokerProcess::restart() {
  if (running()) kill9();
  return spawn();
}

bool BrokerProcess::restart_with(int shards) {
  flags_.shards = shards;
  return restart();
}

void BrokerProcess::launch() {
  int ends[2];
  CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
  const int err = open(stderr_path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  port_ = runs_mosquitto() ? free_port() : 0;
  pid_ = spawn_child(runs_mosquitto() ? mosquitto_command(flags_, port_) : penstock_command(flags_), ends[1], err,
                     flags_.in_child);
  close(ends[1]);
  close(err);
  output_ = ends[0];
}

bool BrokerProcess::spawn() {
  launch();
  if (runs_mosquitto() ? await_mosquitto() : await_listening_line()) return true;
  report("the broker did not say where it listens");
  kill9();
  return false;
}

void BrokerProcess::kill_while_starting(std::chrono::microseconds after) {
  launch();
  std::this_thread::sleep_for(after);
  kill9();
}

bool BrokerProcess::await_mosquitto() {
  const auto give_up = SteadyClock::now() + kStartPatience;
  while (stderr_text().find(" running\n") == std::string::npos) {
    if (SteadyClock::now() > give_up) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  std::ofstream(stderr_path_, std::ios::trunc);
  return true;
}

bool BrokerProcess::await_listening_line() {
  std::string& text = listening_;
  text.clear();
  const ptrdiff_t lines = 1 + std::ranges::count(flags_.more, "--listen");
  const auto give_up = SteadyClock::now() + kStartPatience;
  while (SteadyClock::now() < give_up) {
    pollfd entry{output_, POLLIN, 0};
    if (poll(&entry, 1, 100) <= 0) continue;
    char buffer[512];
    const ssize_t got = read(output_, buffer, sizeof buffer);
    if (got <= 0) return false;
    text.append(buffer, static_cast<size_t>(got));
    if (std::ranges::count(text, '\n') < lines) continue;
    port_ = port_of(transport_under_test());
    return port_ != 0;
  }
  return false;
}

uint16_t BrokerProcess::port_of(std::string_view scheme) const {
  const std::string begin = std::string(kListening) + std::string(scheme) + "://";
  const size_t at = listening_.find(begin);
  if (at == std::string::npos) return 0;
  const size_t host = at + begin.size();
  const size_t host_end = listening_[host] == '[' ? listening_.find(']', host) : host;
  return static_cast<uint16_t>(std::stoi(listening_.substr(listening_.find(':', host_end) + 1)));
}

uint16_t BrokerProcess::port_of(TransportKind kind) const {
  if (runs_mosquitto()) return port_;
  return port_of(kind == TransportKind::kTcp ? "mqtt" : name_of(kind));
}

void BrokerProcess::kill9() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  pid_ = -1;
  if (output_ >= 0) close(output_);
  output_ = -1;
}

bool BrokerProcess::alive() {
  if (pid_ <= 0) return false;
  siginfo_t ended{};
  waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOHANG | WNOWAIT);
  return ended.si_pid == 0;
}

void BrokerProcess::terminate() {
  if (pid_ > 0) kill(pid_, SIGTERM);
}

std::optional<int> BrokerProcess::poll_exit() {
  int status = 0;
  if (pid_ <= 0 || waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
  pid_ = -1;
  kill9();
  return code_of(status);
}

std::optional<int> BrokerProcess::wait_exit() {
  const auto give_up = SteadyClock::now() + kPatience;
  std::optional<int> code = poll_exit();
  while (!code && running() && SteadyClock::now() < give_up) {
    pollfd entry{output_, 0, 0};  // its end of the pipe closes when it goes
    poll(&entry, 1, 20);
    code = poll_exit();
  }
  return code;
}

int BrokerProcess::stop() {
  if (!running()) return -1;
  terminate();
  const std::optional<int> code = wait_exit();
  if (code == 0) return 0;
  report(code ? "SIGTERM ended in exit code " + std::to_string(*code) : "still running long after SIGTERM");
  kill9();
  return -1;
}

uint64_t BrokerProcess::resident_bytes() const {
  std::istringstream status(read_file("/proc/" + std::to_string(pid_) + "/status"));
  uint64_t bytes = 0;
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with("RssAnon:") && !line.starts_with("RssShmem:")) continue;
    bytes += std::stoull(line.substr(line.find(':') + 1)) * 1024;
  }
  return bytes;
}

size_t BrokerProcess::descriptor_count() const {
  std::error_code gone;
  const std::filesystem::directory_iterator all("/proc/" + std::to_string(pid_) + "/fd", gone);
  return static_cast<size_t>(std::distance(begin(all), end(all)));
}

bool BrokerProcess::says(std::string_view text) const {
  constexpr std::chrono::milliseconds kLook(100);
  for (auto waited = kLook; waited < kPatience; waited += kLook) {
    if (stderr_text().find(text) != std::string::npos) return true;
    std::this_thread::sleep_for(kLook);
  }
  return false;
}

std::string BrokerProcess::stderr_text() const {
  return read_file(stderr_path_);
}

void BrokerProcess::report(const std::string& what) const {
  std::string text = stderr_text();
  constexpr size_t kShownMax = 6000;
  if (text.size() > kShownMax) text = "..." + text.substr(text.size() - kShownMax);
  ADD_FAILURE() << what << "; its stderr:\n" << text;
}

Finished run_program(const std::vector<std::string>& arguments, const std::function<void()>& in_child,
                     std::chrono::seconds patience) {
  Finished finished;
  char out_name[] = "/tmp/penstock-out-XXXXXX";
  char err_name[] = "/tmp/penstock-err-XXXXXX";
  const int out = mkostemp(out_name, O_CLOEXEC);
  const int err = mkostemp(err_name, O_CLOEXEC);
  const pid_t pid = spawn_child(arguments, out, err, in_child);
  const int process = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));  // readable when it has ended
  CHECK(process >= 0);
  pollfd entry{process, POLLIN, 0};
  const auto patience_ms = std::chrono::duration_cast<std::chrono::milliseconds>(patience).count();
  if (poll(&entry, 1, static_cast<int>(patience_ms)) <= 0) kill(pid, SIGKILL);
  close(process);
  int status = 0;
  waitpid(pid, &status, 0);
  finished.exit_code = code_of(status);
  finished.out = read_file(out_name);
  finished.err = read_file(err_name);
  close(out);
  close(err);
  unlink(out_name);
  unlink(err_name);
  return finished;
}

void expect_log_verifies(const std::string& data_dir) {
  if (runs_mosquitto() || !std::filesystem::exists(log_tool_binary())) return;
  const Finished finished = run_program({log_tool_binary(), data_dir, "verify"});
  EXPECT_EQ(finished.exit_code, 0) << "penstock-log " << data_dir << " verify\n" << finished.out << finished.err;
}

}  // namespace penstock::test
