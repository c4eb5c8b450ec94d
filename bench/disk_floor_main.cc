// penstock-disk-floor: what the disk costs without a broker: writes batches one after another, each durable before the
// next begins (O_DIRECT|O_DSYNC into a file that was written before, through io_uring, one write under way), which is
// what a log with group commit asks of it. Reports latency per commit and CPU per byte, as JSON on standard output.
//
//   penstock-disk-floor --dir /var/tmp --batch 64KiB --duration 3s
#include <fcntl.h>
#include <liburing.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "bench/hdr_histogram.h"
#include "bench/process_probe.h"
#include "bench/settings.h"
#include "core/clock.h"

namespace {

using namespace penstock;

constexpr uint64_t kFileBytes = 64 << 20;  // written over and over, as recycled segments are
constexpr uint64_t kBlock = 4096;
constexpr uint64_t kPrewriteBytes = 1 << 20;

struct Freed {
  void operator()(void* memory) const { std::free(memory); }
};
using Block = std::unique_ptr<void, Freed>;

Block aligned(uint64_t bytes) {
  Block block(std::aligned_alloc(kBlock, bytes));
  std::memset(block.get(), 'p', bytes);
  return block;
}

// A file of `bytes` whose blocks have been written: syncing into it changes no metadata.
core::Result<int> prewritten_file(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_DIRECT | O_DSYNC | O_CLOEXEC, 0600);
  if (fd < 0) return core::system_error(errno, "opening with O_DIRECT", path);
  unlink(path.c_str());  // it goes with the process
  const Block zeros = aligned(kPrewriteBytes);
  for (uint64_t at = 0; at < kFileBytes; at += kPrewriteBytes) {
    if (pwrite(fd, zeros.get(), kPrewriteBytes, static_cast<off_t>(at)) == static_cast<ssize_t>(kPrewriteBytes))
      continue;
    return core::system_error(errno, "writing", path);
  }
  return fd;
}

struct Outcome {
  bench::HdrHistogram latency;
  uint64_t commits = 0;
  double cpu_seconds = 0;
  double seconds = 0;
};

core::Status commit(io_uring& ring, int fd, void* from, uint64_t bytes, uint64_t at) {
  io_uring_prep_write(io_uring_get_sqe(&ring), fd, from, static_cast<unsigned>(bytes), at);
  io_uring_submit_and_wait(&ring, 1);
  io_uring_cqe* completion = nullptr;
  if (const int error = io_uring_peek_cqe(&ring, &completion))
    return core::system_error(-error, "waiting for", "the ring");
  const int32_t result = completion->res;
  io_uring_cqe_seen(&ring, completion);
  if (result == static_cast<int32_t>(bytes)) return {};
  return core::system_error(result < 0 ? -result : EIO, "writing to", "the file");
}

core::Result<Outcome> measure(int fd, uint64_t batch_bytes, int64_t duration_ns) {
  io_uring ring{};
  if (const int error = io_uring_queue_init(8, &ring, 0)) return core::system_error(-error, "setting up", "io_uring");
  const Block block = aligned(batch_bytes);
  Outcome outcome;
  core::Clock& clock = core::system_clock();
  const double cpu_before = bench::own_cpu_seconds();
  const int64_t begin_ns = clock.monotonic_ns();
  int64_t now_ns = begin_ns;
  for (uint64_t at = 0; now_ns - begin_ns < duration_ns; at += batch_bytes) {
    if (at + batch_bytes > kFileBytes) at = 0;
    const int64_t before_ns = now_ns;
    if (auto status = commit(ring, fd, block.get(), batch_bytes, at); !status.has_value()) {
      return std::unexpected(status.error());
    }
    now_ns = clock.monotonic_ns();
    outcome.latency.record(static_cast<uint64_t>(now_ns - before_ns));
    ++outcome.commits;
  }
  outcome.cpu_seconds = bench::own_cpu_seconds() - cpu_before;
  outcome.seconds = static_cast<double>(now_ns - begin_ns) / 1e9;
  io_uring_queue_exit(&ring);
  return outcome;
}

void print(const Outcome& outcome, uint64_t batch_bytes) {
  const auto& latency = outcome.latency;
  const auto commits = static_cast<double>(outcome.commits);
  const double bytes = commits * static_cast<double>(batch_bytes);
  const nlohmann::ordered_json json = {{"batch_bytes", batch_bytes},
                                       {"commits", outcome.commits},
                                       {"bytes_per_second", bytes / outcome.seconds},
                                       {"cpu_us_per_commit", outcome.cpu_seconds * 1e6 / commits},
                                       {"cpu_ns_per_byte", outcome.cpu_seconds * 1e9 / bytes},
                                       {"commit_latency_ns",
                                        {{"p50", latency.quantile(0.5)},
                                         {"p99", latency.quantile(0.99)},
                                         {"p999", latency.quantile(0.999)},
                                         {"max", latency.max()}}}};
  std::printf("%s\n", json.dump().c_str());
}

int fail(const std::string& what, int exit_code) {
  std::fprintf(stderr, "penstock-disk-floor: %s\n", what.c_str());
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  std::string directory = ".", batch = "64KiB", duration = "3s";
  CLI::App app("Sequential durable writes, one at a time: the floor for a log.", "penstock-disk-floor");
  app.add_option("--dir", directory, "where the file lies [.]");
  app.add_option("--batch", batch, "bytes of one commit, a multiple of 4096 [64KiB]");
  app.add_option("--duration", duration, "[3s]");
  CLI11_PARSE(app, argc, argv);
  const auto batch_bytes = bench::parse_count(batch);
  const auto duration_ns = bench::parse_duration_ns(duration);
  if (!batch_bytes.has_value() || !duration_ns.has_value()) return fail("--batch or --duration is not understood", 2);
  const auto bytes = static_cast<uint64_t>(*batch_bytes);
  if (bytes == 0 || bytes % kBlock != 0 || bytes > kFileBytes) return fail("--batch: a multiple of 4096", 2);
  const auto fd = prewritten_file(directory + "/penstock-disk-floor.tmp");
  if (!fd.has_value()) return fail(fd.error().message, 1);
  const auto outcome = measure(*fd, bytes, *duration_ns);
  if (!outcome.has_value()) return fail(outcome.error().message, 1);
  print(*outcome, bytes);
  return 0;
}
