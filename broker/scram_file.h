// ScramFile: the users of --scram-users as an authenticator for all shards, read anew when that is asked for. Who is
// connected stays so; an authentication that is under way goes on with the users that it began with. open() and
// reload() wait for the disk: for start-up and the main thread. The rest on any thread.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "auth/authenticator.h"
#include "core/result.h"

namespace penstock::broker {

class ScramFile final : public auth::Authenticator {
 public:
  // An error is one line that names the file, and the line in it.
  static core::Result<std::shared_ptr<ScramFile>> open(const std::string& path);
  // After an error the users of before stay.
  core::Status reload();

  std::string_view method() const override;
  std::unique_ptr<auth::AuthExchange> start() const override;

 private:
  explicit ScramFile(std::string path) : path_(std::move(path)) {}
  std::shared_ptr<const auth::Authenticator> current() const;

  const std::string path_;
  mutable std::mutex mutex_;  // held to copy or swap the pointer
  std::shared_ptr<const auth::Authenticator> current_;
};

}  // namespace penstock::broker
