#include "tls/reloading_context.h"

#include <utility>

namespace penstock::tls {
namespace {

std::vector<std::string> files_of(const ServerSettings& settings) {
  std::vector<std::string> files = settings.trust.ca_files;
  files.insert(files.end(), settings.trust.crl_files.begin(), settings.trust.crl_files.end());
  for (const KeyPairFiles& pair : settings.key_pairs) {
    files.push_back(pair.certificate);
    files.push_back(pair.key);
  }
  return files;
}

}  // namespace

FileSnapshot::FileSnapshot(std::vector<std::string> paths) : paths_(std::move(paths)), stamps_(stamps_of(paths_)) {}

FileSnapshot::Stamps FileSnapshot::stamps_of(const std::vector<std::string>& paths) {
  Stamps stamps;
  for (const std::string& path : paths) {
    const auto stamp = core::stamp_file(path);
    stamps.push_back(stamp ? std::optional(*stamp) : std::nullopt);
  }
  return stamps;
}

bool FileSnapshot::is_outdated() const {
  return stamps_of(paths_) != stamps_;
}

ReloadingContext::ReloadingContext(ServerSettings settings, std::shared_ptr<const TicketKeys> tickets,
                                   core::Clock& clock)
    : settings_(std::move(settings)), tickets_(std::move(tickets)), clock_(clock), snapshot_({}) {}

core::Result<std::unique_ptr<ReloadingContext>> ReloadingContext::load(ServerSettings settings,
                                                                       std::shared_ptr<const TicketKeys> tickets,
                                                                       core::Clock& clock) {
  std::unique_ptr<ReloadingContext> context(new ReloadingContext(std::move(settings), std::move(tickets), clock));
  RETURN_IF_ERROR(context->reload());
  return context;
}

std::shared_ptr<const ServerContext> ReloadingContext::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

core::Result<bool> ReloadingContext::reload_if_changed() {
  if (!snapshot_.is_outdated()) return false;
  RETURN_IF_ERROR(reload());
  return true;
}

core::Status ReloadingContext::reload() {
  // Before reading: what is written while it is read counts as changed.
  snapshot_ = FileSnapshot(files_of(settings_));
  ASSIGN_OR_RETURN(auto next, ServerContext::load(settings_, tickets_, clock_));
  const std::lock_guard lock(mutex_);
  current_ = std::move(next);
  return {};
}

}  // namespace penstock::tls
