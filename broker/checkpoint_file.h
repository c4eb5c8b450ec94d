// The checkpoint file: a shard's whole durable state at one position of its log. Everything after that position is
// found by replaying the log. Written beside the log under another name and moved into place, so there is always a
// whole one.
//
//   { u64 magic; u32 version; u32 reserved; body (broker/shard_state.cc); u64 XXH3-64 of everything before }
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "core/result.h"
#include "core/storage.h"

namespace penstock::broker {

constexpr uint64_t kCheckpointMagic = 0x31544b4350545350;  // "PSTPCKT1"
constexpr uint32_t kCheckpointVersion = 2;
constexpr uint32_t kCheckpointVersionMin = 1;  // the oldest that is still read: without what MQTT 5.0 has brought
constexpr size_t kCheckpointHeaderBytes = 16;
constexpr size_t kCheckpointTrailerBytes = 8;

// Put in front of and behind the body.
void begin_checkpoint(std::vector<std::byte>& out);
void end_checkpoint(std::vector<std::byte>& out);

struct CheckpointBody {
  uint32_t version = kCheckpointVersion;
  core::Bytes bytes;
};
// The body of a checkpoint, or what is wrong with it. Safe on any bytes.
core::Result<CheckpointBody> open_checkpoint(core::Bytes file);

// Reads the whole file; none when there is no such file.
core::Result<std::optional<std::vector<std::byte>>> read_whole_file(core::Storage& storage, const std::string& path);
// Writes, syncs, and moves into place; waits for the disk (start-up).
core::Status replace_file(core::Storage& storage, const std::string& directory, const std::string& name,
                          core::Bytes content);

}  // namespace penstock::broker
