// SHA-256 and HMAC of it, by BoringSSL, in the types of this house.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "core/bytes.h"

namespace penstock::auth {

using Sha256 = std::array<std::byte, 32>;

Sha256 sha256(core::Bytes bytes);
Sha256 hmac_sha256(core::Bytes key, std::string_view text);
// Takes the same time wherever they differ.
bool equal_secrets(const Sha256& a, const Sha256& b);

}  // namespace penstock::auth
