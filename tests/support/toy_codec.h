// ToyCodec: a layer for tests that has what the real ones have, and can be read: a handshake of three steps behind
// which the server still says something unasked (as TLS 1.3 does with its tickets), records that are sealed, an echo
// that the other side must answer, goodbye, and an alert where something is wrong. Deterministic. Both sides; one
// thread.
//
//   client: H x 37 ──▶          ◀── h x 53 :server
//   client: F x 11 ──▶          ◀── T (an empty record), and open
//   record: type, length (2, big-endian), body ^ 0x5a, sum of the body (1)
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/stream_codec.h"

namespace penstock::test {

class ToyCodec final : public core::StreamCodec {
 public:
  enum class Side : uint8_t { kServer, kClient };

  explicit ToyCodec(Side side) : side_(side) {}

  // A client's first word; once.
  void start(core::ByteSink& down);
  // Asks for an echo. While it is open.
  void ask_echo(core::ByteSink& down) { put_record('E', {}, down); }

  core::StreamState received(core::Bytes bytes, core::ByteSink& up, core::ByteSink& down) override;
  core::StreamState send(core::Bytes bytes, core::ByteSink& down) override;
  void finish(core::ByteSink& down) override;
  core::StreamState state() const override { return state_; }
  const core::StreamFailure& failure() const override { return failure_; }

  uint64_t echoes() const { return echoes_; }  // answers to ask_echo()

  static constexpr size_t kHelloBytes = 37;
  static constexpr size_t kAnswerBytes = 53;
  static constexpr size_t kFinishBytes = 11;
  static constexpr size_t kRecordBytesMax = 1000;

 private:
  void put_record(char type, std::string_view body, core::ByteSink& down);
  bool step(core::ByteSink& up, core::ByteSink& down);
  bool take_handshake(core::ByteSink& down);
  bool take_record(core::ByteSink& up, core::ByteSink& down);
  void handle(char type, const std::string& body, core::ByteSink& up, core::ByteSink& down);
  bool fail(const char* reason, core::ByteSink& down);

  Side side_;
  core::StreamState state_ = core::StreamState::kOpening;
  bool is_greeted_ = false;  // a server has seen the hello
  bool is_inside_ = false;   // a call into it is under way
  std::string held_;
  uint64_t echoes_ = 0;
  core::StreamFailure failure_;
};

}  // namespace penstock::test
