#include "core/settings_sources.h"

#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#include <toml++/toml.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

namespace penstock::core {
namespace {

constexpr uint64_t kFileBytesMax = 1u << 20;

const Setting* find_setting(std::span<const Setting> table, std::string_view name) {
  const auto found = std::ranges::find(table, name, &Setting::name);
  return found == table.end() ? nullptr : &*found;
}

std::optional<std::string> text_of(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  if (const auto* is_on = node.as_boolean()) return is_on->get() ? "true" : "false";
  return std::nullopt;
}

Result<std::vector<std::string>> texts_of(const Setting& setting, const toml::node& node, const std::string& origin) {
  std::vector<std::string> texts;
  if (const toml::array* array = setting.repeatable ? node.as_array() : nullptr) {
    for (const toml::node& element : *array) {
      const auto text = text_of(element);
      if (!text) return failure(origin + ": the list holds something that is not a text");
      texts.push_back(*text);
    }
    return texts;
  }
  const auto text = text_of(node);
  if (!text) return failure(origin + ": needs a text, a whole number, true or false");
  return std::vector<std::string>{*text};
}

// CLI11 would take the next flag for the value.
Status check_values_follow(std::span<const Setting> table, std::span<const char* const> arguments) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    if (!argument.starts_with("--")) continue;
    const Setting* setting = find_setting(table, argument.substr(2));
    if (setting == nullptr || setting->kind == SettingKind::kSwitch) continue;
    if (i + 1 == arguments.size() || std::string_view(arguments[i + 1]).starts_with("--")) {
      return failure(std::string(argument) + ": needs a value");
    }
  }
  return {};
}

}  // namespace

Result<RawSettings> read_arguments(std::span<const Setting> table, std::span<const char* const> arguments) {
  RETURN_IF_ERROR(check_values_follow(table, arguments));
  CLI::App app;
  app.set_help_flag();
  std::map<std::string, std::vector<std::string>> given;
  std::map<std::string, CLI::Option*> options;
  for (const Setting& setting : table) {
    const std::string name(setting.name);
    const std::string flag = "--" + name;
    if (setting.kind == SettingKind::kSwitch) {
      options[name] = app.add_flag(flag, given[name])->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    } else {
      options[name] = app.add_option(flag, given[name])
                          ->allow_extra_args(false)
                          ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    }
  }
  // CLI11 wants the arguments last first.
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    app.parse(std::move(reversed));
  } catch (const CLI::ExtrasError&) {
    for (const std::string& argument : app.remaining()) return failure(argument + ": there is no such flag");
    return failure("unknown flag");
  } catch (const CLI::Error& error) {
    return failure(error.what());
  }
  RawSettings raw;
  for (const auto& [name, option] : options) {
    if (option->count() != 0) raw[name] = {option->results(), "--" + name};
  }
  return raw;
}

Result<RawSettings> read_settings_file(std::span<const Setting> table, const std::string& path) {
  std::error_code error;
  const auto size = std::filesystem::is_regular_file(path, error) ? std::filesystem::file_size(path, error) : 0;
  std::ifstream file(path);
  if (error || !file || !std::filesystem::is_regular_file(path, error)) {
    return failure("--config " + path + ": cannot be read as a file");
  }
  if (size > kFileBytesMax) return failure("--config " + path + ": is larger than 1 MiB");
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());

  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    const auto line = parsed.error().source().begin.line;
    return failure(path + ":" + std::to_string(line) + ": " + std::string(parsed.error().description()));
  }
  RawSettings raw;
  for (const auto& [key, node] : parsed.table()) {
    std::string name(key.str());
    const std::string origin = path + ":" + std::to_string(node.source().begin.line) + ": " + name;
    std::ranges::replace(name, '_', '-');
    const Setting* setting = find_setting(table, name);
    if (setting == nullptr) return failure(origin + ": there is no such setting");
    if (setting->place != SettingPlace::kEverywhere) return failure(origin + ": cannot be set in a file");
    ASSIGN_OR_RETURN(std::vector<std::string> texts, texts_of(*setting, node, origin));
    if (!raw.try_emplace(name, RawSetting{std::move(texts), origin}).second) return failure(origin + ": is set twice");
  }
  return raw;
}

}  // namespace penstock::core
