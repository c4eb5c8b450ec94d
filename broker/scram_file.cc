#include "broker/scram_file.h"

#include "auth/scram.h"
#include "auth/scram_users.h"
#include "core/random.h"
#include "core/small_file.h"

namespace penstock::broker {
namespace {

constexpr size_t kFileBytesMax = 1u << 30;

}  // namespace

core::Result<std::shared_ptr<const auth::Authenticator>> open_scram_users(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, core::read_small_file(path, kFileBytesMax));
  ASSIGN_OR_RETURN(auto users, auth::ScramUsers::parse(text, path));
  // Made of the file: as secret as that, and the same after a restart.
  const auth::Sha256 secret = auth::sha256(core::as_bytes(text));
  return std::make_shared<auth::ScramAuthenticator>(std::move(users), secret, core::system_random());
}

}  // namespace penstock::broker
