#include "bench/report.h"

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <fstream>

namespace penstock::bench {
namespace {

using Json = nlohmann::ordered_json;

[[gnu::format(printf, 2, 3)]] void append(std::string& to, const char* format, ...) {
  char line[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  to += line;
}

// 1234567 -> "1,234,567"
std::string grouped(double value) {
  char digits[48];
  std::snprintf(digits, sizeof digits, "%.0f", value);
  std::string text = digits;
  for (auto at = static_cast<ptrdiff_t>(text.size()) - 3; at > (text[0] == '-' ? 1 : 0); at -= 3) {
    text.insert(static_cast<size_t>(at), ",");
  }
  return text;
}

// Whole numbers and large ones without decimals.
std::string rounded(const Json& value) {
  const auto number = value.get<double>();
  if (!value.is_number_float() || number >= 1000) return grouped(number);
  char text[48];
  std::snprintf(text, sizeof text, "%.3f", number);
  return text;
}

std::string microseconds(double ns) {
  char text[48];
  std::snprintf(text, sizeof text, ns < 1e5 ? "%.1f" : "%.0f", ns / 1e3);
  return ns < 1e6 ? text : grouped(ns / 1e3);
}

std::string megabytes(double bytes) {
  char text[48];
  std::snprintf(text, sizeof text, "%.1f MiB", bytes / (1 << 20));
  return text;
}

constexpr struct {
  const char* section;
  const char* label;
} kRates[] = {{"sent", "sent"}, {"acknowledged", "acknowledged"}, {"delivered", "delivered"}, {"connects", "connects"}},
  kLatencies[] = {{"delivery_latency_ns", "delivery"},
                  {"ack_latency_ns", "acknowledgement"},
                  {"connect_latency_ns", "connect to CONNACK"},
                  {"catch_up_ns", "session caught up"}};

void append_rates(const Json& json, std::string& out) {
  append(out, "\n%-20s%16s%16s\n", "", "count", "per second");
  for (const auto& [section, label] : kRates) {
    if (!json.contains(section)) continue;
    const Json& rate = json.at(section);
    append(out, "%-20s%16s%16s\n", label, grouped(rate.at("measured").get<double>()).c_str(),
           grouped(rate.at("per_second").get<double>()).c_str());
  }
}

void append_latencies(const Json& json, std::string& out) {
  append(out, "\n%-20s%12s%12s%12s%12s%12s\n", "latency, us", "p50", "p90", "p99", "p99.9", "max");
  for (const auto& [section, label] : kLatencies) {
    if (!json.contains(section) || json.at(section).at("count") == 0) continue;
    append(out, "%-20s", label);
    for (const char* name : {"p50", "p90", "p99", "p999", "max"}) {
      append(out, "%12s", microseconds(json.at(section).at(name).get<double>()).c_str());
    }
    out += "\n";
  }
}

// "name value, name value" of the numbers and texts of one section.
void append_flat(const Json& json, const char* section, const char* label, std::string& out) {
  if (!json.contains(section)) return;
  append(out, "%-20s", label);
  const char* separator = "";
  for (const auto& [name, value] : json.at(section).items()) {
    std::string key = name;
    for (char& letter : key) letter = letter == '_' ? ' ' : letter;
    const std::string text = value.is_string() ? value.get<std::string>() : rounded(value);
    append(out, "%s%s %s", separator, key.c_str(), text.c_str());
    separator = ", ";
  }
  out += "\n";
}

void append_broker(const Json& json, std::string& out) {
  if (!json.contains("broker")) return;
  const Json& broker = json.at("broker");
  append(out, "%-20sCPU %.2f s (user %.2f, system %.2f)", "broker", broker.at("cpu_seconds").get<double>(),
         broker.at("user_seconds").get<double>(), broker.at("system_seconds").get<double>());
  if (!broker.at("cpu_us_per_unit").is_null()) {
    append(out, ", %.3f us per %s", broker.at("cpu_us_per_unit").get<double>(),
           broker.at("unit").get<std::string>().c_str());
  }
  append(out, "\n%-20sRSS %s (before %s, peak %s), private %s, anonymous %s\n", "",
         megabytes(broker.at("rss_bytes").get<double>()).c_str(),
         megabytes(broker.at("rss_bytes_before").get<double>()).c_str(),
         megabytes(broker.at("rss_peak_bytes").get<double>()).c_str(),
         megabytes(broker.at("private_bytes").get<double>()).c_str(),
         megabytes(broker.at("anonymous_bytes").get<double>()).c_str());
}

void append_generator(const Json& json, std::string& out) {
  if (!json.contains("generator")) return;
  const Json& generator = json.at("generator");
  append(out, "%-20sCPU %.2f s", "generator", generator.at("cpu_seconds").get<double>());
  if (!generator.at("cpu_us_per_unit").is_null()) {
    append(out, ", %.3f us per %s", generator.at("cpu_us_per_unit").get<double>(),
           generator.at("unit").get<std::string>().c_str());
  }
  out += "\n";
}

Json per_unit(double cpu_seconds, uint64_t count) {
  return count == 0 ? Json(nullptr) : Json(cpu_seconds * 1e6 / static_cast<double>(count));
}

}  // namespace

Report::Report(const Settings& s) {
  json_ = {{"tool", "penstock-bench"},
           {"version", "0.1.0"},
           {"scenario", to_string(s.scenario)},
           {"target", to_string(s.target)},
           {"mqtt", to_string(s.version)},
           {"settings",
            {{"clients", s.clients},
             {"publishers", s.publishers},
             {"subscribers", s.subscribers},
             {"slow_subscribers", s.slow_subscribers},
             {"bystanders", s.bystanders},
             {"bystander_filters", s.bystander_filters},
             {"qos", s.qos},
             {"subscribe_qos", s.subscribe_qos},
             {"payload_bytes", s.payload_bytes},
             {"rate", s.rate},
             {"inflight", s.inflight},
             {"window", s.window},
             {"messages", s.messages},
             {"shared_topic", s.shared_topic},
             {"persistent", s.persistent},
             {"duration_ns", s.duration_ns},
             {"warmup_ns", s.warmup_ns},
             {"threads", s.threads},
             {"seed", s.seed},
             {"client_prefix", s.client_prefix},
             {"topic_prefix", s.topic_prefix},
             {"spin", s.spin}}},
           {"problems", Json::array()}};
}

void Report::add_rate(const char* section, uint64_t measured, double seconds, uint64_t total) {
  json_[section] = {{"measured", measured},
                    {"per_second", seconds > 0 ? static_cast<double>(measured) / seconds : 0},
                    {"total", total}};
}

void Report::add_latency(const char* section, const HdrHistogram& h) {
  json_[section] = {
      {"count", h.count()},     {"min", h.min()},          {"mean", h.mean()},          {"p50", h.quantile(0.5)},
      {"p90", h.quantile(0.9)}, {"p99", h.quantile(0.99)}, {"p999", h.quantile(0.999)}, {"p9999", h.quantile(0.9999)},
      {"max", h.max()}};
}

void Report::add_series(const char* section, const LatencySeries& series, int64_t begin_ns) {
  if (!series.enabled()) return;
  Json count = Json::array(), p50 = Json::array(), p99 = Json::array(), p999 = Json::array(), max = Json::array();
  for (size_t i = 0; i < series.size(); ++i) {
    count.push_back(series.count(i));
    p50.push_back(series.quantile(i, 0.5));
    p99.push_back(series.quantile(i, 0.99));
    p999.push_back(series.quantile(i, 0.999));
    max.push_back(series.max(i));
  }
  json_[section] = {{"begin_ns", begin_ns},
                    {"interval_ns", series.interval_ns()},
                    {"count", count},
                    {"p50", p50},
                    {"p99", p99},
                    {"p999", p999},
                    {"max", max}};
}

void Report::add_broker(const ProcessSample& before, const ProcessSample& after, uint64_t count, const char* unit) {
  const double cpu_seconds = after.cpu_seconds() - before.cpu_seconds();
  json_["broker"] = {{"cpu_seconds", cpu_seconds},
                     {"user_seconds", after.user_seconds - before.user_seconds},
                     {"system_seconds", after.system_seconds - before.system_seconds},
                     {"unit", unit},
                     {"cpu_us_per_unit", per_unit(cpu_seconds, count)},
                     {"threads", after.threads},
                     {"rss_bytes_before", before.rss_bytes},
                     {"rss_bytes", after.rss_bytes},
                     {"rss_peak_bytes", after.rss_peak_bytes},
                     {"private_bytes_before", before.private_bytes},
                     {"private_bytes", after.private_bytes},
                     {"anonymous_bytes_before", before.anonymous_bytes},
                     {"anonymous_bytes", after.anonymous_bytes}};
}

void Report::add_generator(double cpu_seconds, uint64_t count, const char* unit) {
  json_["generator"] = {
      {"cpu_seconds", cpu_seconds}, {"unit", unit}, {"cpu_us_per_unit", per_unit(cpu_seconds, count)}};
}

void Report::add_problem(const std::string& problem) {
  json_["problems"].push_back(problem);
}

std::string Report::table() const {
  std::string out;
  append(out, "%s  %s", json_.at("scenario").get<std::string>().c_str(), json_.at("target").get<std::string>().c_str());
  if (json_.contains("summary")) append(out, "  %s", json_.at("summary").get<std::string>().c_str());
  out += "\n";
  append_rates(json_, out);
  append_latencies(json_, out);
  out += "\n";
  append_flat(json_, "check", "check", out);
  append_flat(json_, "connections", "connections", out);
  append_flat(json_, "memory", "memory", out);
  append_flat(json_, "replay", "replay", out);
  append_broker(json_, out);
  append_generator(json_, out);
  for (const Json& problem : json_.at("problems")) append(out, "PROBLEM: %s\n", problem.get<std::string>().c_str());
  return out;
}

core::Status Report::write_json(const std::string& path) const {
  std::ofstream file(path, std::ios::trunc);
  file << json_.dump(2) << "\n";
  file.flush();
  if (!file) return core::system_error(errno, "writing", path);
  return {};
}

}  // namespace penstock::bench
