// Small files that people write: keys, certificates, lists. Read whole, and looked at again now and then for being
// another one. Both may wait for the disk: for start-up and the main thread, never for a shard.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/result.h"

namespace penstock::core {

// Tells one content of a file from the next one without reading it. Links are followed, so that a name that is turned
// to another file counts as changed.
struct FileStamp {
  uint64_t device = 0;
  uint64_t inode = 0;
  uint64_t bytes = 0;
  int64_t modified_ns = 0;

  bool operator==(const FileStamp&) const = default;
};

Result<FileStamp> stamp_file(const std::string& path);

// The whole content. An error for what is no regular file and for more than `bytes_max`.
Result<std::string> read_small_file(const std::string& path, size_t bytes_max);

}  // namespace penstock::core
