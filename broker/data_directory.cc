#include "broker/data_directory.h"

#ifndef XXH_INLINE_ALL
#define XXH_INLINE_ALL
#endif
#include <xxhash.h>

#include <algorithm>
#include <charconv>
#include <sstream>

#include "broker/checkpoint_file.h"
#include "log/file_names.h"

namespace penstock::broker {
namespace {

constexpr std::string_view kManifestName = "manifest";
constexpr std::string_view kManifestVersion = "penstock-manifest-1";
constexpr std::string_view kLayoutPrefix = "layout-";

std::string layout_name(uint64_t generation) {
  return std::string(kLayoutPrefix) + std::to_string(generation);
}

// A flipped digit would be another log.
std::string last_line(std::string_view before) {
  char line[24];
  std::snprintf(line, sizeof line, "end %016llx\n",
                static_cast<unsigned long long>(XXH3_64bits(before.data(), before.size())));
  return line;
}

core::Status remove_files_and_directory(core::Storage& storage, const std::string& directory) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, storage.list(directory));
  for (const std::string& name : names)
    RETURN_IF_ERROR(core::BlockingStorage{storage}.remove(log::path_in(directory, name)));
  return storage.remove_directory(directory);
}

}  // namespace

std::string manifest_text(const Manifest& manifest) {
  std::ostringstream out;
  out << kManifestVersion << "\ngeneration " << manifest.generation << "\n";
  for (const log::LogId id : manifest.shard_logs) out << "log " << id.value() << "\n";
  for (const SealedLogNote& sealed : manifest.sealed_logs)
    out << "sealed " << sealed.id.value() << " " << sealed.sealed_us << "\n";
  out << "last-log " << manifest.last_log.value() << "\n";
  return out.str() + last_line(out.str());
}

core::Result<Manifest> parse_manifest(std::string_view text) {
  std::istringstream in{std::string(text)};
  std::string word;
  Manifest manifest;
  if (!(in >> word) || word != kManifestVersion)
    return core::failure("its first line is not " + std::string(kManifestVersion));
  const size_t end = text.rfind("\nend ");
  if (end == std::string_view::npos) return core::failure("it is cut short");
  if (text.substr(end + 1) != last_line(text.substr(0, end + 1))) return core::failure("its checksum is wrong");
  if (!(in >> word >> manifest.generation) || word != "generation") return core::failure("its generation is missing");
  const auto log_id = [&in](log::LogId& id) {
    uint32_t value = 0;
    if (!(in >> value) || value == 0 || value > UINT16_MAX) return false;
    id = log::LogId(static_cast<uint16_t>(value));
    return true;
  };
  while (in >> word && word != "end") {
    log::LogId id;
    if (!log_id(id)) return core::failure("a log id is out of range");
    if (word == "log") {
      manifest.shard_logs.push_back(id);
    } else if (word == "sealed") {
      SealedLogNote& note = manifest.sealed_logs.emplace_back(SealedLogNote{.id = id});
      if (!(in >> note.sealed_us) || note.sealed_us < 0) return core::failure("the time of a sealed log is missing");
    } else if (word == "last-log") {
      manifest.last_log = id;
    } else {
      return core::failure("what '" + word + "' means is not known");
    }
  }
  if (word != "end" || manifest.shard_logs.empty()) return core::failure("it is cut short");
  return manifest;
}

std::string shard_directory(const std::string& data_directory, uint64_t generation, size_t shard) {
  return data_directory + "/" + layout_name(generation) + "/shard-" + std::to_string(shard);
}

core::Result<DataDirectory> DataDirectory::open(core::Storage& storage, core::Clock& clock, std::string path) {
  RETURN_IF_ERROR(storage.make_directories(path));
  DataDirectory directory(storage, clock, std::move(path));
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
  const auto is_among = [](const auto& logs, log::LogId id) { return std::ranges::find(logs, id) != logs.end(); };
  next_ = current_;
  if (current_.shard_logs.size() != shards_count) ++next_.generation;
  next_.shard_logs.resize(std::min<size_t>(next_.shard_logs.size(), shards_count));
  // Shards that are no more leave their logs behind; so does a start with another layout that did not get to its end.
  for (const std::string& name : names) {
    const auto id = log::parse_log_directory_name(name);
    if (!id) continue;
    next_.last_log = std::max(next_.last_log, *id);
    const bool noted = std::ranges::any_of(next_.sealed_logs, [&](const auto& note) { return note.id == *id; });
    if (!noted && !is_among(next_.shard_logs, *id)) next_.sealed_logs.push_back({*id, clock_.wall_us()});
  }
  while (next_.shard_logs.size() < shards_count) {
    // Before it is counted up: it would begin anew behind a directory with the highest number.
    if (next_.last_log.value() >= UINT16_MAX - 1) return core::failure(path_ + ": no log id is left");
    next_.last_log = log::LogId(static_cast<uint16_t>(next_.last_log.value() + 1));
    next_.shard_logs.push_back(next_.last_log);
  }

  std::vector<std::string> checkpoints;
  for (size_t shard = 0; shard < current_.shard_logs.size(); ++shard)
    checkpoints.push_back(shard_directory(path_, current_.generation, shard) + "/checkpoint");
  std::vector<log::LogId> all_logs = next_.shard_logs;
  for (const SealedLogNote& sealed : next_.sealed_logs) all_logs.push_back(sealed.id);

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
  if (next_ == current_) return {};
  const std::string text = manifest_text(next_);
  RETURN_IF_ERROR(replace_file(storage_, path_, std::string(kManifestName), core::as_bytes(text)));
  current_ = next_;
  return {};
}

core::Status DataDirectory::forget_sealed_log(log::LogId id) {
  std::erase_if(next_.sealed_logs, [id](const SealedLogNote& note) { return note.id == id; });
  RETURN_IF_ERROR(commit_layout());
  return remove_files_and_directory(storage_, log::path_in(path_, log::log_directory_name(id)));
}

core::Status DataDirectory::remove_old_layouts() {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, storage_.list(path_));
  const std::string current = layout_name(current_.generation);
  for (const std::string& name : names) {
    if (!name.starts_with(kLayoutPrefix) || name == current) continue;
    const std::string layout = log::path_in(path_, name);
    ASSIGN_OR_RETURN(const std::vector<std::string> shards, storage_.list(layout));
    for (const std::string& shard : shards)
      RETURN_IF_ERROR(remove_files_and_directory(storage_, log::path_in(layout, shard)));
    RETURN_IF_ERROR(storage_.remove_directory(layout));
  }
  return {};
}

}  // namespace penstock::broker
