// penstock-log: looks into a data directory, also while a broker runs on it. Only reads.
#include <CLI/CLI.hpp>
#include <iostream>

#include "core/clock.h"
#include "core/ring.h"
#include "core/ring_storage.h"
#include "protocol/topic_filter.h"
#include "tools/log_tool.h"

namespace penstock::tools {
namespace {

struct Arguments {
  std::string directory;
  bool json = false;
  std::string message_id;
  std::string parent;
  std::string session;
  std::string from;
  std::string to;
  int log = -1;
  uint64_t last_count = 10;
  bool follow = false;
  RecordFilter filter;
};

CLI::App* add_command(CLI::App& app, const char* name, const char* what) {
  CLI::App* const command = app.add_subcommand(name, what);
  command->fallthrough();  // DIR and --json may also stand behind the command
  return command;
}

void add_record_filter(CLI::App& command, Arguments& arguments) {
  command.add_option("--log", arguments.log, "only this log")->check(CLI::Range(0, 65535));
  command.add_option("--topic", arguments.filter.topic_filter, "only topics that this filter matches (+ and # work)");
  command.add_option("--client", arguments.filter.client_id, "only records of this client");
}

void add_times(CLI::App& command, Arguments& arguments) {
  command.add_option("--from", arguments.from,
                     "not older than: 2026-11-22T22:41:00Z (or less of it), or -2h, -30m, -3d");
  command.add_option("--to", arguments.to, "older than");
}

void declare(CLI::App& app, Arguments& arguments) {
  // Not required() for CLI11: it would then take the name of the command for DIR where that comes first.
  app.add_option("DIR", arguments.directory, "data directory of a broker, or the directory of one log");
  app.add_flag("--json", arguments.json, "one JSON object per line");
  app.require_subcommand(1);
  add_command(app, "ls", "segments: ranges, times, sizes, state");
  CLI::App* const dump = add_command(app, "dump", "records");
  add_record_filter(*dump, arguments);
  add_times(*dump, arguments);
  dump->add_option("--type", arguments.filter.type,
                   "only records of this type, as dump names it: message, subscribed, ...");
  dump->add_option("--limit", arguments.filter.count_max, "at most so many");
  CLI::App* const show = add_command(app, "show", "one message");
  show->add_option("MESSAGE_ID", arguments.message_id, "as in 3-1-42: log, epoch, sequence")->required();
  CLI::App* const query = add_command(app, "query", "messages of one parent topic (the first level)");
  query->add_option("--parent", arguments.parent, "the first level of the topics")->required();
  add_record_filter(*query, arguments);
  add_times(*query, arguments);
  query->add_option("--limit", arguments.filter.count_max, "at most so many");
  add_command(app, "queues", "consume queues as of the last checkpoint");
  CLI::App* const sessions = add_command(app, "sessions", "persistent sessions and their subscriptions");
  sessions->add_option("--client", arguments.session, "only this one");
  add_command(app, "verify", "checks everything against its checksums and the indexes against the log");
  CLI::App* const tail = add_command(app, "tail", "the newest records");
  tail->add_flag("-f,--follow", arguments.follow, "go on with new ones");
  tail->add_option("-n,--count", arguments.last_count, "how many to begin with")->check(CLI::Range(0, 1'000'000));
  add_record_filter(*tail, arguments);
}

core::Result<std::optional<int64_t>> time_of(const std::string& text) {
  if (text.empty()) return std::optional<int64_t>();
  const auto time = parse_time(text, core::system_clock().wall_us());
  if (!time)
    return core::failure("\"" + text + "\" is no time: write 2026-11-22T22:41:00Z (or less of it), or -2h, -30m, -3d");
  return time;
}

core::Status complete(Arguments& arguments) {
  if (arguments.directory.empty()) return core::failure("DIR is missing: the data directory of a broker (see --help)");
  ASSIGN_OR_RETURN(arguments.filter.from_us, time_of(arguments.from));
  ASSIGN_OR_RETURN(arguments.filter.to_us, time_of(arguments.to));
  if (arguments.log >= 0) arguments.filter.log = static_cast<uint16_t>(arguments.log);
  const std::string& topic = arguments.filter.topic_filter;
  if (!topic.empty() && !protocol::TopicFilter::parse(topic)) {
    return core::failure("\"" + topic + "\" is no topic filter");
  }
  if (arguments.parent.find_first_of("/+#") != std::string::npos) {
    return core::failure("--parent is one topic level, without / + #; use --topic for a filter");
  }
  return {};
}

int run(const std::string& command, Tool& tool, const Arguments& arguments) {
  if (command == "ls") return run_ls(tool);
  if (command == "dump") return run_dump(tool, arguments.filter);
  if (command == "show") return run_show(tool, arguments.message_id);
  if (command == "query") return run_query(tool, arguments.parent, arguments.filter);
  if (command == "queues") return run_queues(tool);
  if (command == "sessions") return run_sessions(tool, arguments.session);
  if (command == "verify") return run_verify(tool);
  return run_tail(tool, arguments.last_count, arguments.follow, arguments.filter);
}

int main_of(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  Arguments arguments;
  CLI::App app(
      "Looks into the data directory of a Penstock broker, also while it runs. Only reads.\n"
      "Exit codes: 0 fine, 1 damage found or not there, 2 wrong usage or no data.",
      "penstock-log");
  declare(app, arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kFine : kUnusable;
  }
  while (arguments.directory.size() > 1 && arguments.directory.ends_with('/')) arguments.directory.pop_back();
  const auto ring = core::Ring::create({.submission_entries = 64, .completion_entries = 128});
  if (!ring) {
    std::cerr << "penstock-log: " << ring.error().message << "\n";
    return kUnusable;
  }
  core::RingStorage storage(**ring);
  Tool tool{storage, arguments.directory, arguments.json, std::cout, std::cerr};
  const core::Status status = complete(arguments);
  const int code =
      status ? run(app.get_subcommands().front()->get_name(), tool, arguments) : unusable(tool, status.error());
  std::cout.flush();
  return code;
}

}  // namespace
}  // namespace penstock::tools

int main(int argc, char** argv) {
  return penstock::tools::main_of(argc, argv);
}
