#include "tests/support/toy_codec.h"

#include <utility>

#include "core/check.h"

namespace penstock::test {

using core::as_bytes;
using core::StreamState;

namespace {

std::string sealed(std::string_view body) {
  std::string result(body);
  for (char& c : result) c = static_cast<char>(c ^ 0x5a);
  return result;
}

char sum_of(std::string_view body) {
  uint8_t sum = 0;
  for (const char c : body) sum = static_cast<uint8_t>(sum + static_cast<uint8_t>(c));
  return static_cast<char>(sum);
}

// Whoever drives a codec must not call it while it is being called.
class Inside {
 public:
  explicit Inside(bool& flag) : flag_(flag) { CHECK(!std::exchange(flag_, true)); }
  ~Inside() { flag_ = false; }

 private:
  bool& flag_;
};

}  // namespace

void ToyCodec::start(core::ByteSink& down) {
  down.take(as_bytes(std::string(kHelloBytes, 'H')));
}

void ToyCodec::put_record(char type, std::string_view body, core::ByteSink& down) {
  const std::string head{type, static_cast<char>(body.size() >> 8), static_cast<char>(body.size())};
  down.take(as_bytes(head));
  down.take(as_bytes(sealed(body) + sum_of(body)));
}

StreamState ToyCodec::received(core::Bytes bytes, core::ByteSink& up, core::ByteSink& down) {
  CHECK(state_ == StreamState::kOpening || state_ == StreamState::kOpen);
  const Inside inside(is_inside_);
  held_ += core::as_text(bytes);
  while (step(up, down)) {
  }
  return state_;
}

bool ToyCodec::step(core::ByteSink& up, core::ByteSink& down) {
  if (state_ == StreamState::kOpening) return take_handshake(down);
  return state_ == StreamState::kOpen && take_record(up, down);
}

bool ToyCodec::take_handshake(core::ByteSink& down) {
  const bool is_client = side_ == Side::kClient;
  const size_t bytes = is_client ? kAnswerBytes : is_greeted_ ? kFinishBytes : kHelloBytes;
  const char letter = is_client ? 'h' : is_greeted_ ? 'F' : 'H';
  if (!held_.empty() && held_[0] != letter) return fail("toy_no_handshake", down);
  if (held_.size() < bytes) return false;
  if (held_.substr(0, bytes) != std::string(bytes, letter)) return fail("toy_bad_handshake", down);
  held_.erase(0, bytes);
  if (is_client) {
    down.take(as_bytes(std::string(kFinishBytes, 'F')));
    state_ = StreamState::kOpen;
  } else if (!std::exchange(is_greeted_, true)) {
    down.take(as_bytes(std::string(kAnswerBytes, 'h')));
  } else {
    state_ = StreamState::kOpen;
    put_record('T', {}, down);
  }
  return true;
}

bool ToyCodec::take_record(core::ByteSink& up, core::ByteSink& down) {
  if (held_.size() < 3) return false;
  const size_t length = core::load_be16(held_.data() + 1);
  if (length > kRecordBytesMax) return fail("toy_large_record", down);
  if (held_.size() < length + 4) return false;
  const char type = held_[0];
  const std::string body = sealed(std::string_view(held_).substr(3, length));
  const char sum = held_[3 + length];
  held_.erase(0, length + 4);
  if (sum != sum_of(body)) return fail("toy_bad_sum", down);
  handle(type, body, up, down);
  return true;
}

void ToyCodec::handle(char type, const std::string& body, core::ByteSink& up, core::ByteSink& down) {
  switch (type) {
    case 'D':
      up.take(as_bytes(body));
      return;
    case 'E':
      put_record('e', {}, down);
      return;
    case 'e':
      ++echoes_;
      return;
    case 'T':
      return;
    case 'G':
      put_record('G', {}, down);
      state_ = StreamState::kEnded;
      return;
    default:
      fail("toy_bad_record", down);
  }
}

bool ToyCodec::fail(const char* reason, core::ByteSink& down) {
  put_record('A', reason, down);
  failure_ = {reason, "a toy has broken"};
  state_ = StreamState::kFailed;
  return false;
}

StreamState ToyCodec::send(core::Bytes bytes, core::ByteSink& down) {
  CHECK(state_ == StreamState::kOpen);
  const Inside inside(is_inside_);
  std::string_view left = core::as_text(bytes);
  while (!left.empty()) {
    const std::string_view part = left.substr(0, kRecordBytesMax);
    put_record('D', part, down);
    left.remove_prefix(part.size());
  }
  return state_;
}

void ToyCodec::finish(core::ByteSink& down) {
  CHECK(state_ != StreamState::kFailed);
  const Inside inside(is_inside_);
  if (state_ == StreamState::kOpen) put_record('G', {}, down);
}

}  // namespace penstock::test
