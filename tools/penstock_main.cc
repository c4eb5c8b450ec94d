// penstock: the broker.
#include <signal.h>
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "broker/broker.h"
#include "core/diagnostics.h"

int main(int argc, char** argv) {
  using namespace penstock;
  broker::BrokerOptions options;
  options.data_directory = "data";
  options.listen = {{"127.0.0.1", 1883}};
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string flag = argv[i], value = argv[i + 1];
    if (flag == "--listen") {
      const auto colon = value.rfind(':');
      options.listen = {{value.substr(7, colon - 7), static_cast<uint16_t>(std::atoi(value.c_str() + colon + 1))}};
    } else if (flag == "--data-dir") {
      options.data_directory = value;
    } else if (flag == "--shards") {
      options.shards_count = static_cast<uint16_t>(std::atoi(value.c_str()));
    } else if (flag == "--segment-bytes") {
      options.log.segment_bytes = static_cast<uint64_t>(std::atoll(value.c_str()));
    }
  }
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  auto started = broker::Broker::start(std::move(options));
  if (!started.has_value()) {
    std::fprintf(stderr, "penstock: %s\n", started.error().message.c_str());
    return 1;
  }
  for (const core::Endpoint& endpoint : (*started)->endpoints())
    std::printf("listening on mqtt://%s\n", core::to_string(endpoint).c_str());
  std::fflush(stdout);
  int signal = 0;
  sigwait(&signals, &signal);
  (*started)->stop();
  return 0;
}
