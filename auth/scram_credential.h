// What a server keeps instead of a password (RFC 5802, 3). For the tool that makes the file of users, and for clients.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "auth/scram.h"
#include "auth/sha256.h"

namespace penstock::auth {

// PBKDF2: takes as long as `iterations` SHA-256 take. The password as it is: ASCII; what SASLprep (RFC 4013) would
// make of other characters, the caller has to know.
Sha256 salted_password(std::string_view password, std::string_view salt, uint32_t iterations);

ScramCredential credential_of(const Sha256& salted, std::string salt, uint32_t iterations);

}  // namespace penstock::auth
