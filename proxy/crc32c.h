// CRC-32C (Castagnoli), as the PROXY header and iSCSI use it: over some hundred bytes once a connection, so a table
// will do.
#pragma once

#include <cstdint>

#include "core/bytes.h"

namespace penstock::proxy {

// Goes on from `crc`, which is 0 for the first bytes: crc32c(b, crc32c(a)) is that of a and b in a row.
uint32_t crc32c(core::Bytes bytes, uint32_t crc = 0);

}  // namespace penstock::proxy
