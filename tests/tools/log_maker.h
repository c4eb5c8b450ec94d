// LogMaker: a data directory with a real log in it, written by CommitLog on real files, for tests of tools.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/ring.h"
#include "core/ring_storage.h"
#include "log/commit_log.h"

namespace penstock::test {

class LogMaker final : private log::LogProgressHandler {
 public:
  // Continues the log in `data_directory`/log-<id>, or begins it.
  LogMaker(const std::string& data_directory, uint16_t id, uint64_t segment_bytes = 64 << 10);
  ~LogMaker();

  struct Made {
    std::string id;  // the message id
    uint64_t sequence;
    uint64_t offset;   // in the log
    std::string file;  // path of its segment
    uint64_t file_offset;
    uint64_t bytes;  // padded
  };
  Made message(std::string_view topic, std::string_view payload, std::string_view client = "maker", uint8_t qos = 1);
  Made record(const log::RecordParts& parts);
  // Everything is in the files.
  void settle();
  const std::string& directory() const { return directory_; }

 private:
  void on_log_progress() override {}

  std::string directory_;
  log::LogId id_;
  uint64_t segment_bytes_;
  std::unique_ptr<core::Ring> ring_;
  std::unique_ptr<core::RingStorage> storage_;
  std::unique_ptr<log::CommitLog> log_;
  uint64_t segment_sequence_ = 1;  // of the segment that is written
  uint64_t segment_begin_ = 0;
};

}  // namespace penstock::test
