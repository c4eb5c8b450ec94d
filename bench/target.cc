#include "bench/target.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace penstock::bench {
namespace {

constexpr uint32_t kConnectionsPerAddress = 25'000;

bool is_loopback4(const sockaddr_storage& address) {
  const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
  return v4.sin_family == AF_INET && ntohl(v4.sin_addr.s_addr) >> 24 == 127;
}

}  // namespace

core::Result<Target> Target::resolve(const Settings& settings, uint32_t connection_count) {
  const std::string& host = settings.target.host;
  const uint16_t port = settings.target.port;
  uint32_t source_addresses = settings.source_addresses;
  Target target;
  ASSIGN_OR_RETURN(target.layers_, LayerSource::load(settings));
  target.name_ = (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + std::to_string(port);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found); error != 0) {
    return core::failure("--target: " + host + ": " + gai_strerror(error));
  }
  std::memcpy(&target.address_, found->ai_addr, found->ai_addrlen);
  target.address_bytes_ = found->ai_addrlen;
  freeaddrinfo(found);
  const bool loopback = is_loopback4(target.address_);
  if (source_addresses > 1 && !loopback) {
    return core::failure("--source-addresses: only for targets in 127.0.0.0/8; " + target.name_ + " is not");
  }
  if (source_addresses == 0 && loopback) {
    source_addresses = (connection_count + kConnectionsPerAddress - 1) / kConnectionsPerAddress;
  }
  target.source_addresses_ = std::clamp<uint32_t>(source_addresses, 1, 250);
  return target;
}

core::Result<int> Target::begin_connect(uint32_t index) const {
  const int fd = socket(address_.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return core::system_error(errno, "opening a socket to", name_);
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (source_addresses_ > 1) {
    // The port is picked at connect, when the destination is known: otherwise each one counts for all destinations.
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    sockaddr_in source{};
    source.sin_family = AF_INET;
    source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + index % source_addresses_);
    if (bind(fd, reinterpret_cast<sockaddr*>(&source), sizeof source) != 0) {
      const int error = errno;
      close(fd);
      return core::system_error(error, "binding to source address", inet_ntoa(source.sin_addr));
    }
  }
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address_), address_bytes_) != 0 && errno != EINPROGRESS) {
    const int error = errno;
    close(fd);
    const char* hint = error == EADDRNOTAVAIL ? " (no free port: try --source-addresses)" : "";
    return core::system_error(error, "connecting to", name_ + hint);
  }
  return fd;
}

core::Status allow_open_files(uint64_t count) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return core::system_error(errno, "reading the limit of open files");
  if (limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
  }
  if (limit.rlim_cur < count) {
    return core::failure("this run needs " + std::to_string(count) + " open files, the limit is " +
                         std::to_string(limit.rlim_cur) +
                         ": raise it (ulimit -Hn, or LimitNOFILE=) or use fewer clients");
  }
  return {};
}

}  // namespace penstock::bench
