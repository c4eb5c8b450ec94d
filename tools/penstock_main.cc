// penstock: the broker. Reads its settings, starts, says where it listens, and stops clean on SIGTERM, SIGINT or when
// its terminal goes; while it starts, it just ends. Any other SIGHUP asks for the certificates to be read again.
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <thread>

#include "broker/broker.h"
#include "broker/broker_settings.h"
#include "broker/scram_file.h"
#include "core/diagnostics.h"

namespace {

using namespace penstock;

constexpr int kExitBadSettings = 2;

// Started without one of them, the first files that we open would get their numbers: what we say would end up in one.
void hold_standard_descriptors() {
  for (int fd = open("/dev/null", O_RDWR); fd >= 0; fd = dup(fd)) {
    if (fd <= STDERR_FILENO) continue;
    close(fd);
    return;
  }
}

constexpr int kWatchIsOver = SIGUSR1;

// SIGHUP says two things: the terminal has gone, or read your files again. Whoever sends it (the kernel, or a shell to
// its jobs) when the terminal goes, it has gone by then.
class Terminal {
 public:
  bool is_gone() const { return was_there_ && !is_there(); }

 private:
  static bool is_there() {
    const int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fd >= 0) close(fd);
    return fd >= 0;
  }
  const bool was_there_ = is_there();
};

bool asks_for_stop(int signal, const Terminal& terminal) {
  return signal != SIGHUP || terminal.is_gone();
}

// Before any thread starts, so that all inherit it: only sigtimedwait() and sigwait() here see them. Where SIGHUP is
// ignored (nohup) it stays so.
sigset_t block_stop_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  sigset_t blocked = signals;
  sigaddset(&blocked, kWatchIsOver);
  pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
  signal(SIGPIPE, SIG_IGN);  // who reads our output may go
  return signals;
}

// Ends the process when a stop is asked for while it starts: to read a large log takes minutes, and a start may be cut
// off anywhere, as by a kill. Until it is destroyed.
class StartWatch {
 public:
  StartWatch(const sigset_t& signals, const Terminal& terminal)
      : terminal_(terminal), thread_([this, signals] { watch(signals); }) {}
  ~StartWatch() {
    over_ = true;
    pthread_kill(thread_.native_handle(), kWatchIsOver);
    thread_.join();
  }

 private:
  void watch(sigset_t signals) {
    sigaddset(&signals, kWatchIsOver);
    int signal = 0;
    while (sigwait(&signals, &signal) != 0 || (signal == kWatchIsOver && !over_) ||
           (signal != kWatchIsOver && !asks_for_stop(signal, terminal_))) {
    }
    if (signal == kWatchIsOver) return;
    if (!over_) {
      core::log_line(core::LogLevel::kInfo, "stopped while starting");
      _exit(0);
    }
    kill(getpid(), signal);  // main() waits for it by now
  }

  const Terminal& terminal_;
  std::atomic<bool> over_ = false;
  std::thread thread_;  // after what it looks at
};

// As many connections as the system lets us have.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

broker::BrokerOptions options_of(broker::BrokerSettings settings, broker::Listeners listeners,
                                 std::shared_ptr<const auth::Authenticator> authenticator) {
  broker::BrokerOptions options;
  options.authenticator = std::move(authenticator);
  options.listeners = std::move(listeners);
  options.data_directory = std::move(settings.data_directory);
  options.shards_count = settings.shards_count;
  options.shard = settings.shard;
  options.log = std::move(settings.log);
  options.log.report = [](const std::string& line) { core::log_line(core::LogLevel::kWarning, line); };
  return options;
}

// What happened in this life; only what did.
void report(const broker::Counters& counters) {
  std::string line = "stopped: " + std::to_string(counters.connections_accepted) + " connections, " +
                     std::to_string(counters.publishes_received) + " publishes, " +
                     std::to_string(counters.deliveries_sent) + " deliveries";
  const auto add = [&line](uint64_t count, const std::string& what) {
    if (count > 0) line += ", " + std::to_string(count) + " " + what;
  };
  add(counters.deliveries_repeated, "repeated");
  add(counters.publishes_refused, "publishes refused");
  add(counters.deliveries_expired, "expired before delivery");
  add(counters.messages_expired, "messages expired");
  add(counters.deliveries_too_large, "too large for their receivers");
  add(counters.qos0_dropped, "QoS 0 dropped");
  add(counters.sessions_expired, "sessions expired");
  for (size_t i = 0; i < counters.closes.size(); ++i)
    add(counters.closes[i], "closed: " + std::string(to_string(static_cast<broker::CloseReason>(i))));
  for (size_t i = 0; i < counters.protocol_errors.size(); ++i)
    add(counters.protocol_errors[i],
        "protocol errors: " + std::string(to_string(static_cast<protocol::ProtocolErrorReason>(i))));
  for (const auto& failures : counters.layer_failures.all()) add(failures.count, std::string(failures.name));
  core::log_line(core::LogLevel::kInfo, line);
  // Beside the messages above: how well turns are batched. bench/peers reads this line.
  core::log_line(core::LogLevel::kInfo, "work: " + std::to_string(counters.log_writes) + " log writes of " +
                                            std::to_string(counters.log_bytes) + " bytes, " +
                                            std::to_string(counters.ring_enters) + " ring enters with " +
                                            std::to_string(counters.ring_submissions) + " submissions");
}

void reload_files(broker::Broker& broker, broker::ScramFile* scram_users) {
  broker.reload_certificates();
  if (scram_users == nullptr) return;
  if (const core::Status reloaded = scram_users->reload(); reloaded.has_value())
    core::log_line(core::LogLevel::kInfo, "users were read again");
  else
    core::log_line(core::LogLevel::kWarning, reloaded.error().message + "; the users of before stay");
}

// Until it is asked to stop. `scram_users` may be null.
void look_after(broker::Broker& broker, broker::ScramFile* scram_users, const sigset_t& signals,
                const Terminal& terminal) {
  constexpr timespec kWatch{.tv_sec = 5, .tv_nsec = 0};
  constexpr int kWatchesPerMaintenance = 12;
  for (int watches = 0;; ++watches) {
    if (watches % kWatchesPerMaintenance == 0) broker.maintain();
    broker.watch_certificates();
    const int signal = sigtimedwait(&signals, nullptr, &kWatch);
    if (signal < 0) continue;
    if (asks_for_stop(signal, terminal)) return;
    reload_files(broker, scram_users);
  }
}

}  // namespace

int main(int argc, char** argv) {
  hold_standard_descriptors();
  auto parsed = broker::parse_broker_settings(std::span(argv + 1, static_cast<size_t>(argc > 0 ? argc - 1 : 0)),
                                              [](const char* name) { return std::getenv(name); });
  if (!parsed.has_value()) {
    std::fprintf(stderr, "penstock: %s\n", parsed.error().message.c_str());
    return kExitBadSettings;
  }
  if (!parsed->answer.empty()) {
    std::fputs(parsed->answer.c_str(), stdout);
    return 0;
  }
  auto listeners = broker::Listeners::open(std::move(parsed->settings.listen));
  if (!listeners.has_value()) {
    std::fprintf(stderr, "penstock: %s\n", listeners.error().message.c_str());
    return kExitBadSettings;
  }
  std::shared_ptr<broker::ScramFile> scram_users;
  if (!parsed->settings.scram_users.empty()) {
    auto opened = broker::ScramFile::open(parsed->settings.scram_users);
    if (!opened.has_value()) {
      std::fprintf(stderr, "penstock: %s\n", opened.error().message.c_str());
      return kExitBadSettings;
    }
    scram_users = *std::move(opened);
  }
  core::set_log_level(parsed->settings.log_level);
  raise_descriptor_limit();
  const sigset_t signals = block_stop_signals();
  const Terminal terminal;

  const std::string data_directory = parsed->settings.data_directory;
  auto started = [&] {
    const StartWatch watch(signals, terminal);
    return broker::Broker::start(options_of(std::move(parsed->settings), *std::move(listeners), scram_users));
  }();
  if (!started.has_value()) {
    std::fprintf(stderr, "penstock: %s\n", started.error().message.c_str());
    return 1;
  }
  for (const std::string& address : (*started)->addresses())
    std::printf("listening on %s, data in %s\n", address.c_str(), data_directory.c_str());
  std::fflush(stdout);

  look_after(**started, scram_users.get(), signals, terminal);
  (*started)->stop();
  report((*started)->counters());
  return 0;
}
