#include "broker/checkpoint_file.h"

#include <cerrno>

#include "broker/byte_codec.h"
#include "broker/session_hash.h"

namespace penstock::broker {

void begin_checkpoint(std::vector<std::byte>& out) {
  ByteWriter writer(out);
  writer.integer(kCheckpointMagic);
  writer.integer(kCheckpointVersion);
  writer.integer(uint32_t{0});
}

void end_checkpoint(std::vector<std::byte>& out) {
  const uint64_t checksum = XXH3_64bits(out.data(), out.size());
  ByteWriter(out).integer(checksum);
}

core::Result<CheckpointBody> open_checkpoint(core::Bytes file) {
  if (file.size() < kCheckpointHeaderBytes + kCheckpointTrailerBytes) return core::failure("it is too short");
  ByteReader reader(file);
  if (reader.integer<uint64_t>() != kCheckpointMagic) return core::failure("it is no Penstock checkpoint");
  const uint32_t version = reader.integer<uint32_t>();
  if (version < kCheckpointVersionMin || version > kCheckpointVersion)
    return core::failure("its version " + std::to_string(version) + " is not known to this build");
  const core::Bytes content = file.first(file.size() - kCheckpointTrailerBytes);
  if (XXH3_64bits(content.data(), content.size()) != core::load_le<uint64_t>(file.data() + content.size()))
    return core::failure("its checksum is wrong");
  return CheckpointBody{version, content.subspan(kCheckpointHeaderBytes)};
}

core::Result<std::optional<std::vector<std::byte>>> read_whole_file(core::Storage& storage, const std::string& path) {
  const core::BlockingStorage blocking{storage};
  auto file = blocking.open(path, {});
  if (!file.has_value()) {
    if (file.error().code == ENOENT) return std::nullopt;
    return std::unexpected(file.error());
  }
  auto size = storage.size(*file);
  if (!size.has_value()) return std::unexpected(size.error());
  std::vector<std::byte> content(*size);
  auto read = blocking.read(*file, 0, content);
  storage.close(*file);
  if (!read.has_value()) return std::unexpected(read.error());
  content.resize(*read);
  return content;
}

core::Status replace_file(core::Storage& storage, const std::string& directory, const std::string& name,
                          core::Bytes content) {
  const core::BlockingStorage blocking{storage};
  const std::string path = directory + "/" + name;
  const std::string temporary = path + ".new";
  // A leftover of a crash may be longer than what is written now.
  if (auto removed = blocking.remove(temporary); !removed.has_value() && removed.error().code != ENOENT)
    return std::unexpected(removed.error());
  ASSIGN_OR_RETURN(const core::FileId file, blocking.open(temporary, {.write = true, .create = true}));
  auto written = blocking.write(file, 0, content);
  if (written.has_value()) written = blocking.sync(file);
  storage.close(file);
  RETURN_IF_ERROR(written);
  RETURN_IF_ERROR(blocking.rename(temporary, path));
  return blocking.sync_directory(directory);
}

}  // namespace penstock::broker
