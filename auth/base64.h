// Base64 with padding (RFC 4648, 4), without blanks and line ends. Takes the same time whatever the bytes are: keys go
// through it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/bytes.h"

namespace penstock::auth {

std::string to_base64(core::Bytes bytes);
// Nothing when `text` is no Base64, or is not what to_base64 gives for the same bytes.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace penstock::auth
