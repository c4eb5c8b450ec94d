#include "bench/process_probe.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace penstock::bench {
namespace {

core::Result<std::string> read_whole(const std::string& path) {
  errno = 0;
  std::ifstream file(path);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (text.empty()) return core::system_error(errno != 0 ? errno : ESRCH, "reading", path);
  return text;
}

uint64_t number(std::string_view text) {
  uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

core::Result<ProcessSample> parse_stat(std::string_view stat, double ticks_per_second) {
  const size_t name_end = stat.rfind(')');
  if (name_end == std::string_view::npos) return core::failure("/proc/PID/stat has no name field");
  std::vector<std::string_view> fields;  // from the third, the state, on
  std::string_view rest = stat.substr(name_end + 1);
  while (true) {
    const size_t begin = rest.find_first_not_of(" \n");
    if (begin == std::string_view::npos) break;
    rest.remove_prefix(begin);
    const size_t end = rest.find_first_of(" \n");
    fields.push_back(rest.substr(0, end));
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end);
  }
  constexpr size_t kUserTime = 14 - 3, kSystemTime = 15 - 3, kThreads = 20 - 3;
  if (fields.size() <= kThreads) return core::failure("/proc/PID/stat is too short");
  return ProcessSample{.user_seconds = static_cast<double>(number(fields[kUserTime])) / ticks_per_second,
                       .system_seconds = static_cast<double>(number(fields[kSystemTime])) / ticks_per_second,
                       .threads = static_cast<uint32_t>(number(fields[kThreads]))};
}

uint64_t find_kilobytes(std::string_view text, std::string_view name) {
  for (size_t at = text.find(name); at != std::string_view::npos; at = text.find(name, at + 1)) {
    const size_t colon = at + name.size();
    const bool whole_word = (at == 0 || text[at - 1] == '\n') && colon < text.size() && text[colon] == ':';
    if (!whole_word) continue;
    const size_t digits = text.find_first_not_of(" \t", colon + 1);
    return digits == std::string_view::npos ? 0 : number(text.substr(digits)) * 1024;
  }
  return 0;
}

core::Result<ProcessSample> sample_process(int pid) {
  if (pid == 0) return ProcessSample{};
  const std::string directory = "/proc/" + std::to_string(pid);
  ASSIGN_OR_RETURN(const std::string stat, read_whole(directory + "/stat"));
  ASSIGN_OR_RETURN(const std::string status, read_whole(directory + "/status"));
  ASSIGN_OR_RETURN(ProcessSample sample, parse_stat(stat, static_cast<double>(sysconf(_SC_CLK_TCK))));
  sample.rss_bytes = find_kilobytes(status, "VmRSS");
  sample.rss_peak_bytes = find_kilobytes(status, "VmHWM");
  // Only the owner may read this one; the rest is worth having without it.
  if (const auto maps = read_whole(directory + "/smaps_rollup"); maps.has_value()) {
    sample.private_bytes = find_kilobytes(*maps, "Private_Clean") + find_kilobytes(*maps, "Private_Dirty");
    sample.anonymous_bytes = find_kilobytes(*maps, "Anonymous");
  }
  return sample;
}

double own_cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace penstock::bench
