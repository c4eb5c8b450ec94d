// ReloadingContext: the context of one listener, made anew when its files are changed. current() from any thread; the
// rest is for the main thread, since loading waits for the disk.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "core/small_file.h"
#include "tls/server_context.h"

namespace penstock::tls {

// What a set of files looked like at one moment.
class FileSnapshot {
 public:
  explicit FileSnapshot(std::vector<std::string> paths);
  // Whether one of them is another file now, was written to, has gone or has come.
  bool is_outdated() const;

 private:
  using Stamps = std::vector<std::optional<core::FileStamp>>;  // none: it cannot be looked at
  static Stamps stamps_of(const std::vector<std::string>& paths);

  std::vector<std::string> paths_;
  Stamps stamps_;
};

class ReloadingContext {
 public:
  // Fails when the files are no good at the start.
  static core::Result<std::unique_ptr<ReloadingContext>> load(ServerSettings settings,
                                                              std::shared_ptr<const TicketKeys> tickets,
                                                              core::Clock& clock = core::system_clock());

  // For the next connection.
  std::shared_ptr<const ServerContext> current() const;

  // Loads anew when a file has changed since the last load, successful or not: true when there is a new context then.
  // After an error, which names the file and what is wrong, the old one stays, until a file changes again: a
  // certificate that is replaced before its key is no good in between.
  core::Result<bool> reload_if_changed();
  core::Status reload();

 private:
  ReloadingContext(ServerSettings settings, std::shared_ptr<const TicketKeys> tickets, core::Clock& clock);

  ServerSettings settings_;
  std::shared_ptr<const TicketKeys> tickets_;
  core::Clock& clock_;
  FileSnapshot snapshot_;     // of before the last load
  mutable std::mutex mutex_;  // held to copy or swap the pointer
  std::shared_ptr<const ServerContext> current_;
};

}  // namespace penstock::tls
