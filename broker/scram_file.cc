#include "broker/scram_file.h"

#include "auth/scram.h"
#include "auth/scram_users.h"
#include "core/random.h"
#include "core/small_file.h"

namespace penstock::broker {
namespace {

constexpr size_t kFileBytesMax = 1u << 30;

}  // namespace

core::Result<std::shared_ptr<ScramFile>> ScramFile::open(const std::string& path) {
  std::shared_ptr<ScramFile> file(new ScramFile(path));
  RETURN_IF_ERROR(file->reload());
  return file;
}

core::Status ScramFile::reload() {
  ASSIGN_OR_RETURN(const std::string text, core::read_small_file(path_, kFileBytesMax));
  ASSIGN_OR_RETURN(auto users, auth::ScramUsers::parse(text, path_));
  // Made of the file: as secret as that, and the same after a restart.
  const auth::Sha256 secret = auth::sha256(core::as_bytes(text));
  auto made = std::make_shared<const auth::ScramAuthenticator>(std::move(users), secret, core::system_random());
  const std::lock_guard lock(mutex_);
  current_ = std::move(made);
  return {};
}

std::shared_ptr<const auth::Authenticator> ScramFile::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

std::string_view ScramFile::method() const {
  return current()->method();  // the text of a literal
}

std::unique_ptr<auth::AuthExchange> ScramFile::start() const {
  return current()->start();
}

}  // namespace penstock::broker
