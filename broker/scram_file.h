// The users of --scram-users as an authenticator for all shards. Start-up only.
#pragma once

#include <memory>
#include <string>

#include "auth/authenticator.h"
#include "core/result.h"

namespace penstock::broker {

// An error is one line that names the file, and the line in it.
core::Result<std::shared_ptr<const auth::Authenticator>> open_scram_users(const std::string& path);

}  // namespace penstock::broker
