// Cost of an append: one copy into the tail, one checksum. And of checking a record, which recovery and cold reads pay.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "core/check.h"
#include "log/commit_log.h"

namespace penstock::log {
namespace {

// Takes everything at once and keeps nothing, so that only the log's own work is measured.
class NullStorage final : public core::Storage {
 public:
  void open(const std::string&, core::OpenMode, core::StorageOperation& op) override { later(op, 7); }
  void close(core::FileId) override {}
  void read(core::FileId, uint64_t, core::MutableBytes, core::StorageOperation& op) override { later(op, 0); }
  void write(core::FileId, uint64_t, core::Bytes from, core::StorageOperation& op) override {
    later(op, static_cast<int32_t>(from.size()));
  }
  void sync(core::FileId, core::StorageOperation& op) override { later(op, 0); }
  void allocate(core::FileId, uint64_t, uint64_t, core::StorageOperation& op) override { later(op, 0); }
  void rename(const std::string&, const std::string&, core::StorageOperation& op) override { later(op, 0); }
  void remove(const std::string&, core::StorageOperation& op) override { later(op, 0); }
  void sync_directory(const std::string&, core::StorageOperation& op) override { later(op, 0); }
  void run_until(const bool& done) override {
    while (!done) poll();
  }
  core::Result<std::vector<std::string>> list(const std::string&) override { return std::vector<std::string>(); }
  core::Status make_directories(const std::string&) override { return {}; }
  core::Status remove_directory(const std::string&) override { return {}; }
  core::Result<uint64_t> size(core::FileId) override { return 0; }
  core::Result<bool> try_lock(core::FileId) override { return true; }

  void poll() {
    std::vector<std::pair<core::StorageOperation*, int32_t>> due;
    due.swap(due_);
    for (auto [op, result] : due) op->complete(result);
  }

 private:
  void later(core::StorageOperation& op, int32_t result) { due_.emplace_back(&op, result); }
  std::vector<std::pair<core::StorageOperation*, int32_t>> due_;
};

class Quiet final : public LogProgressHandler {
  void on_log_progress() override {}
};

void append_message(benchmark::State& state) {
  NullStorage storage;
  Quiet handler;
  auto opened = CommitLog::open(storage, core::system_clock(),
                                {.directory = "/nowhere", .id = LogId(1), .tail_bytes = 8u << 20, .prewrite_bytes = 0},
                                {}, handler);
  CHECK(opened.has_value());
  CommitLog& log = **opened;
  log.keep_from(LogOffset(UINT64_MAX));
  const std::string payload(static_cast<size_t>(state.range(0)), 'x');
  const RecordParts parts{
      .topic_hash = 1, .publisher = "bench-publisher", .topic = "bench/topic/1", .payload = core::as_bytes(payload)};
  const uint64_t bytes = record_bytes(parts);
  constexpr int kTurnMessages = 64;
  for (auto _ : state) {
    for (int i = 0; i < kTurnMessages; ++i) {
      if (log.room_for(bytes) != AppendRoom::kRoom) break;
      benchmark::DoNotOptimize(log.append(parts));
    }
    log.end_turn();
    storage.poll();
  }
  state.SetItemsProcessed(state.iterations() * kTurnMessages);
}
BENCHMARK(append_message)->Arg(64)->Arg(256)->Arg(1024)->Arg(16384);

void encode_message(benchmark::State& state) {
  const std::string payload(static_cast<size_t>(state.range(0)), 'x');
  const RecordParts parts{.publisher = "bench-publisher", .topic = "bench/topic/1", .payload = core::as_bytes(payload)};
  std::vector<uint64_t> memory(padded_record_bytes(record_bytes(parts)) / 8);
  uint64_t sequence = 0;
  for (auto _ : state) {
    encode_record(parts, Sequence(++sequence), 1, 1, reinterpret_cast<std::byte*>(memory.data()));
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(encode_message)->Arg(64)->Arg(1024);

void check_message(benchmark::State& state) {
  const std::string payload(static_cast<size_t>(state.range(0)), 'x');
  const RecordParts parts{.publisher = "bench-publisher", .topic = "bench/topic/1", .payload = core::as_bytes(payload)};
  std::vector<uint64_t> memory(padded_record_bytes(record_bytes(parts)) / 8);
  auto* at = reinterpret_cast<std::byte*>(memory.data());
  encode_record(parts, Sequence(1), 1, 1, at);
  for (auto _ : state) benchmark::DoNotOptimize(check_record(at, memory.size() * 8));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(check_message)->Arg(64)->Arg(1024);

}  // namespace
}  // namespace penstock::log
