// penstock-log from outside: what it prints and the exit code, on whole and on damaged logs.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "broker/data_directory.h"
#include "log/file_names.h"
#include "tests/support/broker_process.h"
#include "tests/support/temp_dir.h"
#include "tests/tools/log_maker.h"

namespace penstock::test {
namespace {

using Json = nlohmann::json;

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

std::vector<Json> json_lines(const std::string& text) {
  std::vector<Json> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    Json json = Json::parse(line, nullptr, false);
    EXPECT_FALSE(json.is_discarded()) << line;
    lines.push_back(std::move(json));
  }
  return lines;
}

void overwrite(const std::string& path, uint64_t offset, std::string_view bytes) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  ASSERT_TRUE(file) << path;
  file.seekp(static_cast<std::streamoff>(offset));
  file << bytes;
}

void flip(const std::string& path, uint64_t offset) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  ASSERT_TRUE(file) << path;
  file.seekg(static_cast<std::streamoff>(offset));
  const int byte = file.get();
  file.seekp(static_cast<std::streamoff>(offset));
  file.put(static_cast<char>(byte ^ 0x10));
}

class LogTool : public testing::Test {
 protected:
  Finished run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {log_tool_binary(), data()});
    return run_program(arguments);
  }
  Finished run_plain(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), log_tool_binary());
    return run_program(arguments);
  }
  std::string data() const { return dir_ / "data"; }

  // 200 messages to a/<n % 10> and b/<n % 10> by turns, over several segments.
  std::vector<LogMaker::Made> make_messages(int count = 200) {
    LogMaker maker(data(), 3);
    std::vector<LogMaker::Made> made;
    for (int n = 0; n < count; ++n) {
      const std::string topic = std::string(n % 2 == 0 ? "a/" : "b/") + std::to_string(n % 10);
      made.push_back(maker.message(topic, "payload " + std::to_string(n) + std::string(1000, '.'),
                                   "client-" + std::to_string(n % 3)));
    }
    return made;
  }

  TempDir dir_;
};

TEST_F(LogTool, ls_names_each_segment_with_its_range_and_state) {
  const auto made = make_messages();
  const Finished plain = run({"ls"});
  EXPECT_EQ(plain.exit_code, 0) << plain.err;
  EXPECT_TRUE(contains(plain.out, "log 3")) << plain.out;
  EXPECT_TRUE(contains(plain.out, "00000000000000000001.segment")) << plain.out;
  EXPECT_TRUE(contains(plain.out, "active")) << plain.out;

  const Finished finished = run({"ls", "--json"});
  EXPECT_EQ(finished.exit_code, 0);
  const auto segments = json_lines(finished.out);
  ASSERT_GE(segments.size(), 3u);
  for (size_t i = 1; i < segments.size(); ++i) {
    EXPECT_EQ(segments[i]["first_sequence"], segments[i - 1]["end_sequence"]);
    EXPECT_EQ(segments[i - 1]["state"].get<std::string>().substr(0, 4), "full");
  }
  EXPECT_EQ(segments.back()["end_sequence"], made.back().sequence + 1);
}

TEST_F(LogTool, dump_prints_every_record_in_order) {
  const auto made = make_messages();
  const Finished finished = run({"dump", "--json"});
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  const auto records = json_lines(finished.out);
  ASSERT_EQ(records.size(), made.size() + 1) << "and the start of the epoch";
  EXPECT_EQ(records[0]["type"], "epoch start");
  for (size_t i = 0; i < made.size(); ++i) {
    const Json& record = records[i + 1];
    EXPECT_EQ(record["id"], made[i].id);
    EXPECT_EQ(record["offset"], made[i].offset);
    EXPECT_EQ(record["qos"], 1);
    EXPECT_EQ(record["client"], "client-" + std::to_string(i % 3));
    EXPECT_TRUE(record["payload"].get<std::string>().starts_with("payload " + std::to_string(i) + "."));
  }
  const Finished plain = run({"dump"});
  EXPECT_EQ(std::ranges::count(plain.out, '\n'), static_cast<long>(made.size() + 1));
  EXPECT_TRUE(contains(plain.out, made[7].id + "  ")) << plain.out.substr(0, 400);
}

TEST_F(LogTool, dump_takes_filters) {
  make_messages();
  EXPECT_EQ(json_lines(run({"dump", "--json", "--topic", "a/+"}).out).size(), 100u);
  EXPECT_EQ(json_lines(run({"dump", "--json", "--topic", "a/4"}).out).size(), 20u);
  EXPECT_EQ(json_lines(run({"dump", "--json", "--client", "client-1"}).out).size(), 67u);
  EXPECT_EQ(json_lines(run({"dump", "--json", "--type", "epoch start"}).out).size(), 1u);
  EXPECT_EQ(json_lines(run({"dump", "--json", "--limit", "7"}).out).size(), 7u);
  EXPECT_EQ(json_lines(run({"dump", "--json", "--log", "9"}).out).size(), 0u);
  EXPECT_EQ(json_lines(run({"dump", "--json", "--from", "-1h"}).out).size(), 201u);
  EXPECT_EQ(json_lines(run({"dump", "--json", "--to", "-1h"}).out).size(), 0u);
  EXPECT_EQ(json_lines(run({"dump", "--json", "--from", "2020"}).out).size(), 201u);
}

TEST_F(LogTool, dump_begins_at_the_time_asked_for) {
  const auto made = make_messages();
  const auto all = json_lines(run({"dump", "--json"}).out);
  const std::string time = all[150]["time"];
  const auto later = json_lines(run({"dump", "--json", "--from", time}).out);
  const auto earlier = json_lines(run({"dump", "--json", "--to", time}).out);
  ASSERT_FALSE(later.empty());
  EXPECT_GE(later.front()["time_us"], all[150]["time_us"]);
  EXPECT_EQ(later.size() + earlier.size(), all.size());
}

TEST_F(LogTool, show_prints_one_message_whole) {
  const auto made = make_messages();
  const Finished finished = run({"show", made[42].id});
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_TRUE(contains(finished.out, "payload 42...")) << finished.out;
  EXPECT_TRUE(contains(finished.out, "client-0"));
  EXPECT_TRUE(contains(finished.out, "a/2"));
  const auto json = json_lines(run({"--json", "show", made[43].id}).out);
  ASSERT_EQ(json.size(), 1u);
  EXPECT_EQ(json[0]["topic"], "b/3");
}

TEST_F(LogTool, show_explains_what_is_not_there) {
  make_messages(10);
  EXPECT_EQ(run({"show", "3-1-5000"}).exit_code, 1);
  EXPECT_EQ(run({"show", "8-1-2"}).exit_code, 1);
  const Finished other_epoch = run({"show", "3-7-5"});
  EXPECT_EQ(other_epoch.exit_code, 1);
  EXPECT_TRUE(contains(other_epoch.err, "epoch")) << other_epoch.err;
  const Finished nonsense = run({"show", "hello"});
  EXPECT_EQ(nonsense.exit_code, 2);
  EXPECT_TRUE(contains(nonsense.err, "hello")) << nonsense.err;
}

TEST_F(LogTool, query_finds_the_messages_of_a_parent_topic_without_any_index) {
  make_messages();
  EXPECT_EQ(json_lines(run({"query", "--parent", "a", "--json"}).out).size(), 100u);
  EXPECT_EQ(json_lines(run({"query", "--parent", "a", "--topic", "a/2", "--json"}).out).size(), 20u);
  EXPECT_EQ(json_lines(run({"query", "--parent", "a", "--client", "client-2", "--json"}).out).size(), 33u);
  EXPECT_EQ(json_lines(run({"query", "--parent", "c", "--json"}).out).size(), 0u);
  EXPECT_EQ(run({"query", "--parent", "a/b"}).exit_code, 2);
}

TEST_F(LogTool, tail_prints_the_newest_records) {
  const auto made = make_messages();
  const Finished finished = run({"tail", "-n", "3"});
  EXPECT_EQ(finished.exit_code, 0);
  EXPECT_EQ(std::ranges::count(finished.out, '\n'), 3);
  EXPECT_TRUE(contains(finished.out, made[199].id));
  EXPECT_TRUE(contains(finished.out, made[197].id));
  EXPECT_FALSE(contains(finished.out, made[196].id + " "));
  // More than the newest segment holds, and more than there are.
  EXPECT_EQ(json_lines(run({"tail", "-n", "150", "--json"}).out).size(), 150u);
  EXPECT_EQ(json_lines(run({"tail", "-n", "900", "--json"}).out).size(), 201u);
}

TEST_F(LogTool, verify_finds_a_whole_log_fine) {
  make_messages();
  const Finished finished = run({"verify"});
  EXPECT_EQ(finished.exit_code, 0) << finished.out << finished.err;
  EXPECT_TRUE(contains(finished.out, "fine: 201 records")) << finished.out;
  const auto json = json_lines(run({"verify", "--json"}).out);
  ASSERT_EQ(json.size(), 1u);
  EXPECT_EQ(json[0]["records"], 201);
  EXPECT_GT(json[0]["index_entries"], 0);
}

TEST_F(LogTool, looks_at_one_log_of_its_own_too) {
  make_messages(10);
  const Finished finished = run_plain({data() + "/log-3", "ls"});
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_TRUE(contains(finished.out, "log 3"));
  EXPECT_EQ(run_plain({"ls", data()}).exit_code, 0) << "the directory may stand behind the command";
}

TEST_F(LogTool, verify_names_file_and_offset_of_a_flipped_bit) {
  const auto made = make_messages();
  const LogMaker::Made& victim = made[60];
  flip(victim.file, victim.file_offset + 100);
  const Finished finished = run({"verify"});
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_TRUE(contains(finished.out, victim.file + " at offset " + std::to_string(victim.file_offset)))
      << finished.out << "\nwanted " << victim.file << " at offset " << victim.file_offset;
  // The other commands go on around it and say so.
  const Finished dump = run({"dump", "--json"});
  EXPECT_EQ(dump.exit_code, 1);
  EXPECT_EQ(json_lines(dump.out).size(), 200u);
  EXPECT_TRUE(contains(dump.err, victim.file));
  EXPECT_EQ(run({"show", victim.id}).exit_code, 1);
  EXPECT_EQ(run({"show", made[61].id}).exit_code, 0);
}

TEST_F(LogTool, stands_every_kind_of_damage_to_a_segment) {
  const auto made = make_messages();
  const std::string first = data() + "/log-3/" + log::segment_file_name(log::Sequence(1));
  const std::string kept = dir_ / "kept";
  std::filesystem::copy_file(first, kept);
  const uint64_t bytes = std::filesystem::file_size(first);
  const auto damaged_with = [&](const std::string& what, const auto& damage) {
    SCOPED_TRACE(what);
    std::filesystem::copy_file(kept, first, std::filesystem::copy_options::overwrite_existing);
    damage();
    for (const char* command : {"ls", "dump", "tail", "queues", "sessions"}) {
      const Finished finished = run({command});
      EXPECT_GE(finished.exit_code, 0) << command << " died";
      EXPECT_LE(finished.exit_code, 2) << command;
    }
    EXPECT_LE(run({"show", made[5].id}).exit_code, 2);
    EXPECT_LE(run({"query", "--parent", "a"}).exit_code, 2);
    const Finished finished = run({"verify"});
    EXPECT_EQ(finished.exit_code, 1) << finished.out << finished.err;
    EXPECT_TRUE(contains(finished.out + finished.err, first)) << finished.out << finished.err;
  };
  damaged_with("header flipped", [&] { flip(first, 20); });
  damaged_with("both headers flipped", [&] { flip(first, 20), flip(first, 2048 + 20); });
  damaged_with("header block zero", [&] { overwrite(first, 0, std::string(4096, '\0')); });
  damaged_with("cut in the middle", [&] { std::filesystem::resize_file(first, bytes / 2); });
  damaged_with("cut within a record", [&] { std::filesystem::resize_file(first, made[7].file_offset + 30); });
  damaged_with("empty", [&] { std::filesystem::resize_file(first, 0); });
  damaged_with("a foreign file", [&] { overwrite(first, 0, std::string(bytes, 'x')); });
  damaged_with("zeros in the middle", [&] { overwrite(first, 16384, std::string(8192, '\0')); });
  damaged_with("a length of 4 GiB", [&] { overwrite(first, made[9].file_offset, "\xff\xff\xff\xff"); });
  damaged_with("a record over another one", [&] {
    std::ifstream in(kept, std::ios::binary);
    std::string record(made[3].bytes, '\0');
    in.seekg(static_cast<std::streamoff>(made[3].file_offset));
    in.read(record.data(), static_cast<std::streamsize>(record.size()));
    overwrite(first, made[30].file_offset, record);
  });
}

TEST_F(LogTool, verify_checks_the_sparse_index_against_the_log) {
  make_messages();
  const std::string index = data() + "/log-3/" + log::index_file_name(log::Sequence(1));
  ASSERT_TRUE(std::filesystem::exists(index));
  flip(index, 40);
  const Finished finished = run({"verify"});
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_TRUE(contains(finished.out, index)) << finished.out;
}

TEST_F(LogTool, an_index_that_a_crash_left_unfinished_is_no_damage) {
  make_messages();
  const std::string index = data() + "/log-3/" + log::index_file_name(log::Sequence(1));
  for (const uint64_t bytes : {40, 8, 0}) {
    std::filesystem::resize_file(index, bytes);
    const Finished finished = run({"verify"});
    EXPECT_EQ(finished.exit_code, 0) << finished.out;
    EXPECT_TRUE(contains(finished.err, index)) << finished.err;
  }
}

TEST_F(LogTool, a_missing_segment_is_found) {
  make_messages();
  std::vector<std::string> segments;
  for (const auto& file : std::filesystem::directory_iterator(data() + "/log-3")) {
    if (log::parse_segment_file_name(file.path().filename().string())) segments.push_back(file.path());
  }
  std::ranges::sort(segments);
  ASSERT_GE(segments.size(), 3u);
  std::filesystem::remove(segments[1]);
  const Finished finished = run({"verify"});
  EXPECT_EQ(finished.exit_code, 1) << finished.out << finished.err;
}

TEST_F(LogTool, foreign_files_are_named_and_ignored) {
  make_messages(10);
  std::ofstream(data() + "/log-3/notes.txt") << "hello";
  std::filesystem::create_directory(data() + "/log-x");
  const Finished finished = run({"verify"});
  EXPECT_EQ(finished.exit_code, 0) << finished.out;
  EXPECT_TRUE(contains(finished.err, "notes.txt")) << finished.err;
}

TEST_F(LogTool, a_segment_of_a_later_version_gets_an_explanation) {
  make_messages(10);
  const std::string first = data() + "/log-3/" + log::segment_file_name(log::Sequence(1));
  for (const uint64_t at : {uint64_t{8}, uint64_t{2048 + 8}}) overwrite(first, at, "\x09");
  const Finished finished = run({"ls"});
  EXPECT_GE(finished.exit_code, 1);
  EXPECT_TRUE(contains(finished.err, first)) << finished.err;
}

TEST_F(LogTool, a_torn_end_is_no_damage) {
  const auto made = make_messages();
  overwrite(made.back().file, made.back().file_offset + 200, std::string(100, 'x'));
  const Finished finished = run({"verify"});
  EXPECT_EQ(finished.exit_code, 0) << finished.out << finished.err;
  EXPECT_EQ(json_lines(run({"dump", "--json"}).out).size(), 200u);
}

TEST_F(LogTool, damaged_manifests_and_checkpoints_get_an_explanation) {
  make_messages(10);
  std::ofstream(data() + "/manifest") << broker::manifest_text(
      {.generation = 1, .shard_logs = {log::LogId(3)}, .last_log = log::LogId(3)});
  const std::string shard = data() + "/layout-1/shard-0";
  std::filesystem::create_directories(shard);
  EXPECT_EQ(run({"verify"}).exit_code, 0) << "no checkpoint yet";
  for (const std::string& content : {std::string(), std::string("short"), std::string(500, 'x'),
                                     std::string("PSTPCKT1\x01\0\0\0\0\0\0\0", 16) + std::string(100, '\0')}) {
    std::ofstream(shard + "/checkpoint", std::ios::trunc) << content;
    for (const char* command : {"verify", "queues", "sessions"}) {
      const Finished finished = run({command});
      EXPECT_EQ(finished.exit_code, 1) << command;
      EXPECT_TRUE(contains(finished.out + finished.err, shard + "/checkpoint")) << finished.err;
    }
    EXPECT_EQ(run({"query", "--parent", "a"}).exit_code, 1);
  }
  std::ofstream(data() + "/manifest", std::ios::trunc) << "generation of vipers";
  const Finished finished = run({"verify"});
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_TRUE(contains(finished.out, "manifest")) << finished.out;
}

TEST_F(LogTool, wrong_usage_and_no_data_exit_with_2) {
  EXPECT_EQ(run_plain({}).exit_code, 2);
  EXPECT_EQ(run_plain({"--help"}).exit_code, 0);
  EXPECT_EQ(run({"ls"}).exit_code, 2) << "no such directory";
  EXPECT_EQ(run({"nonsense"}).exit_code, 2);
  std::filesystem::create_directories(data());
  const Finished finished = run({"ls"});
  EXPECT_EQ(finished.exit_code, 2) << "an empty directory";
  EXPECT_TRUE(contains(finished.err, data())) << finished.err;
  EXPECT_EQ(run({"dump", "--from", "yesterday"}).exit_code, 2);
  EXPECT_EQ(run({"dump", "--topic", "a/#/b"}).exit_code, 2);
  EXPECT_EQ(run({"query"}).exit_code, 2);
}

TEST_F(LogTool, reads_a_log_that_is_being_written) {
  LogMaker maker(data(), 3);
  for (int n = 0; n < 300; ++n) {
    const LogMaker::Made made = maker.message("a/b", std::string(500, '.'));
    if (n % 50 != 0) continue;
    maker.settle();
    EXPECT_EQ(run({"show", made.id}).exit_code, 0) << n;
    const Finished finished = run({"verify"});
    EXPECT_EQ(finished.exit_code, 0) << finished.out << finished.err;
  }
}

TEST_F(LogTool, prints_control_characters_and_binary_payloads_safely) {
  LogMaker::Made made;
  {
    LogMaker maker(data(), 3);
    made = maker.message("a/\x1b[31m", std::string("\0\x01\xff\xfe", 4), "evil\nclient");
  }
  const Finished finished = run({"dump"});
  EXPECT_FALSE(contains(finished.out, "\x1b"));
  EXPECT_TRUE(contains(finished.out, "evil\\x0aclient")) << finished.out;
  const auto json = json_lines(run({"show", made.id, "--json"}).out);
  ASSERT_EQ(json.size(), 1u);
  EXPECT_EQ(json[0]["payload_base64"], "AAH//g==");
}

}  // namespace
}  // namespace penstock::test
