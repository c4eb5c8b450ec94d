// Settings: value formats, sources and their order, and errors that name who is to blame.
#include "core/settings.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "tests/support/temp_dir.h"

namespace penstock::core {
namespace {

constexpr Setting kTable[] = {
    {.name = "name", .value_name = "TEXT", .default_text = "nobody", .help = "A text."},
    {.name = "on-or-off", .kind = SettingKind::kSwitch, .help = "A switch."},
    {.name = "count",
     .kind = SettingKind::kCount,
     .value_name = "N",
     .default_text = "3",
     .min = 2,
     .max = 9,
     .help = "A count."},
    {.name = "size",
     .kind = SettingKind::kBytes,
     .value_name = "SIZE",
     .default_text = "4KiB",
     .max = 1u << 20,
     .help = "A size."},
    {.name = "time", .kind = SettingKind::kDuration, .value_name = "TIME", .default_text = "1m", .help = "A time."},
    {.name = "mode", .kind = SettingKind::kChoice, .default_text = "slow", .choices = "fast|slow", .help = "A choice."},
    {.name = "many", .value_name = "X", .help = "A list.", .repeatable = true},
    {.name = "config", .value_name = "FILE", .help = "The file.", .place = SettingPlace::kNotInFile},
    {.name = "ask", .kind = SettingKind::kSwitch, .help = "A question.", .place = SettingPlace::kFlag},
};

class SettingsTest : public testing::Test {
 protected:
  Result<Settings> read(const std::vector<const char*>& arguments) {
    return Settings::read(kTable, {"TEST_", arguments, [this](const char* name) -> const char* {
                                     const auto found = environment_.find(name);
                                     return found == environment_.end() ? nullptr : found->second.c_str();
                                   }});
  }
  std::string error_of(const std::vector<const char*>& arguments) {
    const auto settings = read(arguments);
    return settings.has_value() ? "(no error)" : settings.error().message;
  }
  void write_file(const std::string& text) {
    std::ofstream(path_) << text;
    environment_["TEST_CONFIG"] = path_;
  }
  std::string error_of_file(const std::string& text) {
    write_file(text);
    return error_of({});
  }

  const test::TempDir directory_;
  const std::string path_ = directory_ / "settings.toml";
  std::map<std::string, std::string> environment_;
};

TEST_F(SettingsTest, defaults_count_when_nobody_says_anything) {
  const auto settings = read({});
  ASSERT_TRUE(settings.has_value());
  EXPECT_EQ(settings->text("name"), "nobody");
  EXPECT_FALSE(settings->is_on("on-or-off"));
  EXPECT_EQ(settings->number("count"), 3u);
  EXPECT_EQ(settings->number("size"), 4096u);
  EXPECT_EQ(settings->duration_us("time"), 60'000'000);
  EXPECT_EQ(settings->choice("mode"), 1u);
  EXPECT_TRUE(settings->texts("many").empty());
  EXPECT_FALSE(settings->is_given("count"));
}

TEST_F(SettingsTest, every_kind_can_be_a_flag) {
  const auto settings = read({"--name", "x y", "--on-or-off", "--count=4", "--size", "1MiB", "--time", "12h", "--mode",
                              "fast", "--many", "a", "--many", "b"});
  ASSERT_TRUE(settings.has_value()) << settings.error().message;
  EXPECT_EQ(settings->text("name"), "x y");
  EXPECT_TRUE(settings->is_on("on-or-off"));
  EXPECT_EQ(settings->number("count"), 4u);
  EXPECT_EQ(settings->number("size"), 1u << 20);
  EXPECT_EQ(settings->duration_us("time"), int64_t{12} * 3600 * 1'000'000);
  EXPECT_EQ(settings->choice("mode"), 0u);
  EXPECT_EQ(settings->texts("many"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(settings->origin("count"), "--count");
}

TEST_F(SettingsTest, every_kind_can_be_a_variable) {
  environment_ = {{"TEST_NAME", "x"}, {"TEST_ON_OR_OFF", "true"}, {"TEST_COUNT", "4"},  {"TEST_SIZE", "8"},
                  {"TEST_TIME", "0"}, {"TEST_MODE", "fast"},      {"TEST_MANY", "a,b"}, {"TEST_ASK", "true"}};
  const auto settings = read({});
  ASSERT_TRUE(settings.has_value()) << settings.error().message;
  EXPECT_EQ(settings->text("name"), "x");
  EXPECT_TRUE(settings->is_on("on-or-off"));
  EXPECT_EQ(settings->number("count"), 4u);
  EXPECT_EQ(settings->number("size"), 8u);
  EXPECT_EQ(settings->duration_us("time"), 0);
  EXPECT_EQ(settings->choice("mode"), 0u);
  EXPECT_EQ(settings->texts("many"), (std::vector<std::string>{"a", "b"}));
  EXPECT_FALSE(settings->is_on("ask"));
}

TEST_F(SettingsTest, every_kind_can_be_in_the_file) {
  write_file(
      "# comment\nname = \"x # y\"  # another\non-or-off = true\ncount = 4\nsize = \"8KiB\"\ntime = '90s'\n"
      "mode = \"fast\"\nmany = [\n  \"a\",\n  \"b\",\n]\n");
  const auto settings = read({});
  ASSERT_TRUE(settings.has_value()) << settings.error().message;
  EXPECT_EQ(settings->text("name"), "x # y");
  EXPECT_TRUE(settings->is_on("on-or-off"));
  EXPECT_EQ(settings->number("count"), 4u);
  EXPECT_EQ(settings->number("size"), 8192u);
  EXPECT_EQ(settings->duration_us("time"), 90'000'000);
  EXPECT_EQ(settings->choice("mode"), 0u);
  EXPECT_EQ(settings->texts("many"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(settings->origin("count"), path_ + ":4: count");
}

TEST_F(SettingsTest, flag_wins_over_variable_over_file_over_default) {
  write_file("count = 5\nsize = 100\nname = \"file\"\nmany = \"file\"\n");
  environment_["TEST_COUNT"] = "6";
  environment_["TEST_SIZE"] = "200";
  environment_["TEST_MANY"] = "variable";
  const auto settings = read({"--count", "7", "--count", "8"});
  ASSERT_TRUE(settings.has_value()) << settings.error().message;
  EXPECT_EQ(settings->number("count"), 8u);
  EXPECT_EQ(settings->number("size"), 200u);
  EXPECT_EQ(settings->text("name"), "file");
  EXPECT_EQ(settings->texts("many"), std::vector<std::string>{"variable"});
  EXPECT_EQ(settings->duration_us("time"), 60'000'000);
}

TEST_F(SettingsTest, a_bad_value_is_named_with_its_source) {
  EXPECT_EQ(error_of({"--count", "many"}), "--count: \"many\" is not a whole number");
  EXPECT_EQ(error_of({"--count", "-1"}), "--count: \"-1\" is not a whole number");
  EXPECT_EQ(error_of({"--count", "1"}), "--count: \"1\" is less than 2");
  EXPECT_EQ(error_of({"--count", "10"}), "--count: \"10\" is more than 9");
  EXPECT_EQ(error_of({"--count", "99999999999999999999"}), "--count: \"99999999999999999999\" is too large");
  EXPECT_EQ(error_of({"--size", "2MiB"}), "--size: \"2MiB\" is more than 1MiB");
  EXPECT_EQ(error_of({"--mode", "hope"}), "--mode: \"hope\" is none of fast, slow");
  EXPECT_EQ(error_of({"--time", "soon"}), "--time: \"soon\" is not a duration like 90s, 15m, 12h or 3d");
  EXPECT_EQ(error_of({"--name", ""}), "--name: is empty");
  EXPECT_EQ(error_of({"--on-or-off=perhaps"}), "--on-or-off: \"perhaps\" is neither true nor false");
  environment_["TEST_COUNT"] = "no\nnumber";
  EXPECT_EQ(error_of({}), "TEST_COUNT: \"no?number\" is not a whole number");
  environment_.clear();
  EXPECT_EQ(error_of_file("\ncount = \"x\"\n"), path_ + ":2: count: \"x\" is not a whole number");
}

TEST_F(SettingsTest, flags_that_do_not_exist_or_lack_a_value_are_errors) {
  EXPECT_EQ(error_of({"--no-such-flag"}), "--no-such-flag: there is no such flag");
  EXPECT_EQ(error_of({"stray"}), "stray: there is no such flag");
  EXPECT_EQ(error_of({"--count"}), "--count: needs a value");
  EXPECT_EQ(error_of({"--count", "--name", "x"}), "--count: needs a value");
}

TEST_F(SettingsTest, a_file_with_anything_unknown_is_an_error) {
  EXPECT_EQ(error_of_file("count = 4\nno-such = 1\n"), path_ + ":2: no-such: there is no such setting");
  EXPECT_EQ(error_of_file("[section]\ncount = 4\n"), path_ + ":1: section: there is no such setting");
  EXPECT_EQ(error_of_file("ask = true\n"), path_ + ":1: ask: cannot be set in a file");
  EXPECT_EQ(error_of_file("config = \"other\"\n"), path_ + ":1: config: cannot be set in a file");
  EXPECT_EQ(error_of_file("count = [4]\n"), path_ + ":1: count: needs a text, a whole number, true or false");
  EXPECT_EQ(error_of_file("on_or_off = true\non-or-off = true\n").substr(path_.size()), ":1: on_or_off: is set twice");
  for (const char* text : {"count = [[[\n", "count\n", "count = 4\ncount = 5\n", "= 4\n", "name = \"open\n"}) {
    const std::string error = error_of_file(text);
    EXPECT_EQ(error.find(path_ + ":"), 0u) << error;
    EXPECT_EQ(error.find('\n'), std::string::npos) << error;
  }
}

TEST_F(SettingsTest, a_file_that_cannot_be_read_is_an_error) {
  EXPECT_EQ(error_of({"--config", "/no/such/file"}), "--config /no/such/file: cannot be read as a file");
  const std::string& directory = directory_.path();
  EXPECT_EQ(error_of({"--config", directory.c_str()}), "--config " + directory + ": cannot be read as a file");
}

TEST_F(SettingsTest, help_and_page_name_every_setting) {
  const std::string help = settings_help(kTable);
  const std::string page = settings_markdown(kTable, "TEST_");
  for (const Setting& setting : kTable) {
    EXPECT_NE(help.find("  --" + std::string(setting.name)), std::string::npos) << setting.name;
    EXPECT_NE(page.find("| `--" + std::string(setting.name) + "`"), std::string::npos) << setting.name;
  }
  EXPECT_NE(page.find("| `--mode` fast\\|slow | `TEST_MODE` | slow | A choice. |\n"), std::string::npos) << page;
}

TEST(SettingValues, sizes_have_units) {
  EXPECT_EQ(parse_bytes("0"), 0u);
  EXPECT_EQ(parse_bytes("4096"), 4096u);
  EXPECT_EQ(parse_bytes("64KiB"), 65'536u);
  EXPECT_EQ(parse_bytes("10GiB"), 10ull << 30);
  EXPECT_EQ(parse_bytes("2MB"), 2'000'000u);
  for (const char* text : {"", "KiB", "1.5GiB", "1 GiB", "-1", "1XiB", "18446744073709551616", "17179869184GiB"}) {
    EXPECT_FALSE(parse_bytes(text).has_value()) << text;
  }
}

TEST(SettingValues, durations_have_units) {
  EXPECT_EQ(parse_duration_us("0"), 0);
  EXPECT_EQ(parse_duration_us("250ms"), 250'000);
  EXPECT_EQ(parse_duration_us("90s"), 90'000'000);
  EXPECT_EQ(parse_duration_us("15m"), 900'000'000);
  EXPECT_EQ(parse_duration_us("12h"), 43'200'000'000);
  EXPECT_EQ(parse_duration_us("3d"), 259'200'000'000);
  for (const char* text : {"", "90", "d", "3 d", "-3d", "3y", "99999999999999d", "18446744073709s"}) {
    EXPECT_FALSE(parse_duration_us(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace penstock::core
