// Fuzzes SCRAM, the server's side, and the file of its users. The input is "first LF last LF file"; in the last message
// "$N" and "$P" stand for the nonce that the server gave and for the proof of a client that knows joe's password. Laws:
// who does not exist, or has no proof, never succeeds; an accepted message keeps its parts; what is shown to people is
// printable; a file that was accepted, written again, is read as the same users.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "auth/scram_message.h"
#include "auth/scram_users.h"
#include "core/check.h"
#include "tests/auth/scram_client.h"

namespace penstock::auth {
namespace {

using Outcome = AuthAnswer::Outcome;

struct Joe {
  Sha256 salted = salted_password("secret", "0123456789abcdef", 4096);
  std::shared_ptr<const ScramUsers> users =
      ScramUsers::parse(to_line("joe", credential_of(salted, "0123456789abcdef", 4096)), "").value();
};

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

void check_answer(const AuthAnswer& answer) {
  CHECK(is_printable(answer.data) || answer.outcome != Outcome::kContinue);
  CHECK(is_printable(answer.detail) && answer.detail.size() < 300);
  CHECK_EQ(answer.reason[0] != '\0', answer.outcome == Outcome::kFailure);
  CHECK_EQ(!answer.user_name.empty(), answer.outcome == Outcome::kSuccess);
  if (answer.outcome == Outcome::kFailure) CHECK(answer.data.empty() && !answer.detail.empty());
}

std::string replaced(std::string text, std::string_view mark, const std::string& with) {
  const size_t at = text.find(mark);
  return at == text.npos ? text : text.replace(at, mark.size(), with);
}

void check_exchange(std::string_view first, std::string last) {
  static const Joe joe;
  ScramExchange exchange(joe.users, Sha256{}, "server-nonce");
  const std::vector<char> exact(first.begin(), first.end());
  const AuthAnswer challenge = exchange.begin(core::as_bytes({exact.data(), exact.size()}));
  check_answer(challenge);
  if (challenge.outcome != Outcome::kContinue) return;
  const auto parsed = parse_client_first(first);
  CHECK(parsed.has_value() && is_scram_name(parsed->user_name));
  CHECK(std::string(parsed->gs2_header) + std::string(parsed->bare) == first);

  last = replaced(std::move(last), "$N", nonce_in(challenge.data));
  bool has_proof = false;
  if (last.ends_with(",p=$P")) {
    has_proof = true;
    last = client_final(joe.salted, parsed->bare, challenge.data, last.substr(0, last.size() - 5));
  }
  const std::vector<char> exact_last(last.begin(), last.end());
  const AuthAnswer verdict = exchange.next(core::as_bytes({exact_last.data(), exact_last.size()}));
  check_answer(verdict);
  CHECK(verdict.outcome != Outcome::kContinue);
  if (verdict.outcome != Outcome::kSuccess) return;
  CHECK(has_proof && verdict.user_name == "joe" && parsed->user_name == "joe");
  CHECK(last.find(","
                  "r=" +
                  nonce_in(challenge.data)) != last.npos);
}

void check_users(std::string_view text) {
  const auto users = ScramUsers::parse(text, "file");
  if (!users) {
    CHECK(users.error().message.starts_with("file:") && is_printable(users.error().message));
    return;
  }
  // Every name is in a line of the text.
  size_t found = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line = text.substr(begin, end - begin);
    begin = end + 1;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.starts_with('#')) continue;
    const std::string_view name = line.substr(0, line.rfind(":SCRAM-SHA-256$"));
    const auto credential = (*users)->find(name);
    CHECK(credential.has_value() && to_line(name, *credential) == line);
    ++found;
  }
  CHECK_EQ(found, (*users)->size());
}

}  // namespace
}  // namespace penstock::auth

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace penstock::auth;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const auto take_line = [&rest] {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    return line;
  };
  const std::string_view first = take_line();
  const std::string_view last = take_line();
  check_exchange(first, std::string(last));
  check_users(rest);
  return 0;
}
