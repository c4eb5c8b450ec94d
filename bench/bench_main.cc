// penstock-bench: main. Exit code: 0 all well, 1 the run found a problem or the target failed, 2 bad flags.
#include <csignal>
#include <cstdio>

#include "bench/scenarios.h"
#include "bench/settings.h"

namespace {

using namespace penstock;
using namespace penstock::bench;

int report_to_people(const Settings& settings, const Report& report) {
  std::fputs(report.table().c_str(), stdout);
  if (settings.json_file.empty()) return report.ok() ? 0 : 1;
  if (auto status = report.write_json(settings.json_file); !status.has_value()) {
    std::fprintf(stderr, "penstock-bench: %s\n", status.error().message.c_str());
    return 1;
  }
  return report.ok() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  const auto settings = parse_command_line(argc, argv);
  if (!settings.has_value()) {
    const EarlyExit& exit = settings.error();
    std::fprintf(exit.exit_code == 0 ? stdout : stderr, exit.exit_code == 0 ? "%s\n" : "penstock-bench: %s\n",
                 exit.text.c_str());
    return exit.exit_code;
  }
  const auto report = run_scenario(*settings);
  if (!report.has_value()) {
    std::fprintf(stderr, "penstock-bench: %s\n", report.error().message.c_str());
    return 1;
  }
  return report_to_people(*settings, *report);
}
