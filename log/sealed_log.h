// A sealed log: one that nobody appends to any more (the number of shards changed). Its records can be read until
// retention has taken its last segment. Opened at start-up; waits for the disk.
#pragma once

#include <memory>
#include <string>

#include "core/result.h"
#include "core/storage.h"
#include "log/shared_log.h"

namespace penstock::log {

// Readers see an empty tail and everything durable.
core::Result<std::unique_ptr<SharedLog>> open_sealed_log(core::Storage& storage, const std::string& directory,
                                                         LogId id);

}  // namespace penstock::log
