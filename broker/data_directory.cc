#include "broker/data_directory.h"

#include <algorithm>
#include <charconv>
#include <sstream>

#include "broker/checkpoint_file.h"
#include "log/file_names.h"

namespace penstock::broker {
namespace {

constexpr std::string_view kManifestName = "manifest";
constexpr std::string_view kManifestVersion = "penstock-manifest-1";

}  // namespace

std::string manifest_text(const Manifest& manifest) {
  std::ostringstream out;
  out << kManifestVersion << "\ngeneration " << manifest.generation << "\n";
  for (const log::LogId id : manifest.shard_logs) out << "log " << id.value() << "\n";
  out << "end\n";
  return out.str();
}

core::Result<Manifest> parse_manifest(std::string_view text) {
  std::istringstream in{std::string(text)};
  std::string word;
  Manifest manifest;
  if (!(in >> word) || word != kManifestVersion)
    return core::failure("its first line is not " + std::string(kManifestVersion));
  if (!(in >> word >> manifest.generation) || word != "generation") return core::failure("its generation is missing");
  while (in >> word && word == "log") {
    uint32_t id = 0;
    if (!(in >> id) || id > UINT16_MAX) return core::failure("a log id is out of range");
    manifest.shard_logs.emplace_back(static_cast<uint16_t>(id));
  }
  if (word != "end" || manifest.shard_logs.empty()) return core::failure("it is cut short");
  return manifest;
}

std::string shard_directory(const std::string& data_directory, uint64_t generation, size_t shard) {
  return data_directory + "/layout-" + std::to_string(generation) + "/shard-" + std::to_string(shard);
}

core::Result<DataDirectory> DataDirectory::open(core::Storage& storage, std::string path) {
  RETURN_IF_ERROR(storage.make_directories(path));
  DataDirectory directory(storage, std::move(path));
  const core::BlockingStorage blocking{storage};
  ASSIGN_OR_RETURN(directory.lock_, blocking.open(directory.path_ + "/LOCK", {.write = true, .create = true}));
  ASSIGN_OR_RETURN(const bool locked, storage.try_lock(directory.lock_));
  if (!locked) return core::failure("data directory " + directory.path_ + " is in use by another broker");
  const std::string manifest_path = directory.path_ + "/" + std::string(kManifestName);
  ASSIGN_OR_RETURN(const auto manifest, read_whole_file(storage, manifest_path));
  if (manifest.has_value()) {
    auto parsed = parse_manifest(core::as_text(*manifest));
    if (!parsed.has_value()) return core::failure(manifest_path + ": " + parsed.error().message);
    directory.current_ = *parsed;
  }
  return directory;
}

core::Result<std::vector<ShardPlace>> DataDirectory::lay_out(ShardIndex shards_count,
                                                             const log::LogOptions& log_template) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, storage_.list(path_));
  std::vector<log::LogId> logs;
  uint16_t highest = 0;
  for (const std::string& name : names)
    if (const auto id = log::parse_log_directory_name(name)) {
      logs.push_back(*id);
      highest = std::max(highest, id->value());
    }
  next_ = current_;
  if (current_.shard_logs.size() != shards_count) ++next_.generation;
  next_.shard_logs.resize(std::min<size_t>(next_.shard_logs.size(), shards_count));
  while (next_.shard_logs.size() < shards_count) next_.shard_logs.emplace_back(++highest);
  sealed_logs_.clear();
  for (const log::LogId id : logs)
    if (std::find(next_.shard_logs.begin(), next_.shard_logs.end(), id) == next_.shard_logs.end())
      sealed_logs_.push_back(id);

  std::vector<std::string> checkpoints;
  for (size_t shard = 0; shard < current_.shard_logs.size(); ++shard)
    checkpoints.push_back(shard_directory(path_, current_.generation, shard) + "/checkpoint");
  std::vector<log::LogId> all_logs = next_.shard_logs;
  all_logs.insert(all_logs.end(), sealed_logs_.begin(), sealed_logs_.end());

  std::vector<ShardPlace> places;
  for (ShardIndex shard = 0; shard < shards_count; ++shard) {
    ShardPlace place{.index = shard, .shards_count = shards_count};
    place.directory = shard_directory(path_, next_.generation, shard);
    place.data_directory = path_;
    place.log = log_template;
    place.log.id = next_.shard_logs[shard];
    place.log.directory = log::path_in(path_, log::log_directory_name(place.log.id));
    place.checkpoints = checkpoints;
    place.all_logs = all_logs;
    place.last_logs = current_.shard_logs;
    RETURN_IF_ERROR(storage_.make_directories(place.directory));
    RETURN_IF_ERROR(storage_.make_directories(place.log.directory));
    places.push_back(std::move(place));
  }
  RETURN_IF_ERROR(core::BlockingStorage{storage_}.sync_directory(path_));
  return places;
}

core::Status DataDirectory::commit_layout() {
  const std::string text = manifest_text(next_);
  RETURN_IF_ERROR(replace_file(storage_, path_, std::string(kManifestName), core::as_bytes(text)));
  current_ = next_;
  return {};
}

}  // namespace penstock::broker
