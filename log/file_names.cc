#include "log/file_names.h"

#include <charconv>

namespace penstock::log {
namespace {

constexpr std::string_view kLogPrefix = "log-";
constexpr std::string_view kSegmentSuffix = ".segment";
constexpr std::string_view kIndexSuffix = ".index";
constexpr size_t kSequenceDigits = 20;  // of UINT64_MAX

std::string sequence_name(Sequence first, std::string_view suffix) {
  std::string digits = std::to_string(first.value());
  digits.insert(0, kSequenceDigits - digits.size(), '0');
  return digits.append(suffix);
}

template <typename Integer>
std::optional<Integer> parse_digits(std::string_view text) {
  Integer value{};
  if (text.empty() || text.front() < '0' || text.front() > '9') return {};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return value;
}

std::optional<Sequence> parse_sequence_name(std::string_view name, std::string_view suffix) {
  if (name.size() != kSequenceDigits + suffix.size() || !name.ends_with(suffix)) return {};
  const auto value = parse_digits<uint64_t>(name.substr(0, kSequenceDigits));
  if (!value) return {};
  return Sequence(*value);
}

}  // namespace

std::string log_directory_name(LogId id) {
  return std::string(kLogPrefix).append(std::to_string(id.value()));
}

std::optional<LogId> parse_log_directory_name(std::string_view name) {
  if (!name.starts_with(kLogPrefix)) return {};
  const auto value = parse_digits<uint16_t>(name.substr(kLogPrefix.size()));
  // One spelling only, or "log-03" and "log-3" would be two directories of one log.
  if (!value || log_directory_name(LogId(*value)) != name) return {};
  return LogId(*value);
}

std::string segment_file_name(Sequence first) {
  return sequence_name(first, kSegmentSuffix);
}
std::optional<Sequence> parse_segment_file_name(std::string_view name) {
  return parse_sequence_name(name, kSegmentSuffix);
}
std::string index_file_name(Sequence first) {
  return sequence_name(first, kIndexSuffix);
}
std::optional<Sequence> parse_index_file_name(std::string_view name) {
  return parse_sequence_name(name, kIndexSuffix);
}

std::string path_in(std::string_view directory, std::string_view name) {
  return std::string(directory).append("/").append(name);
}

}  // namespace penstock::log
