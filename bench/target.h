// Target: where the broker listens, resolved once, and through which layers; and the addresses that connections to it
// come from. One address has some 28,000 ports towards one destination, so more connections need several: over loopback
// these are 127.0.0.1, 127.0.0.2 and so on. Constant after start; shared by all threads.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>

#include "bench/layers.h"
#include "bench/settings.h"
#include "core/result.h"

namespace penstock::bench {

class Target {
 public:
  static core::Result<Target> resolve(const Settings& settings, uint32_t connection_count);

  // A non-blocking socket whose connect is under way (or, rarely, done). `index` picks the source address.
  core::Result<int> begin_connect(uint32_t index) const;

  const LayerSource& layers() const { return layers_; }
  const std::string& name() const { return name_; }
  uint32_t source_addresses() const { return source_addresses_; }

 private:
  sockaddr_storage address_{};
  socklen_t address_bytes_ = 0;
  uint32_t source_addresses_ = 1;
  LayerSource layers_;
  std::string name_;
};

// Raises the soft limit of open files to the hard one, and says so in one line when that is not enough.
core::Status allow_open_files(uint64_t count);

}  // namespace penstock::bench
