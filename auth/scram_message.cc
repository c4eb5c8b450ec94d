#include "auth/scram_message.h"

#include <algorithm>
#include <optional>

#include "auth/base64.h"
#include "core/utf8.h"

namespace penstock::auth {
namespace {

constexpr ScramError kLong{"auth_malformed", "the message has more than 2048 bytes"};
constexpr ScramError kNotUtf8{"auth_malformed", "the message is not UTF-8, or has a control character"};
constexpr ScramError kBadHeader{"auth_malformed", "the message does not begin with a GS2 header"};
constexpr ScramError kBinding{"auth_channel_binding", "the client wants channel binding, which is not offered here"};
constexpr ScramError kOtherIdentity{"auth_other_identity", "the client wants to act as another user"};
constexpr ScramError kMandatory{"auth_malformed", "the message has a mandatory extension"};
constexpr ScramError kBadName{"auth_malformed", "the message has no well-formed user name"};
constexpr ScramError kBadNonce{"auth_malformed", "the message has no well-formed nonce"};
constexpr ScramError kBadExtension{"auth_malformed", "an extension in the message is malformed"};
constexpr ScramError kNoBinding{"auth_malformed", "the message has no channel binding field"};
constexpr ScramError kBadProof{"auth_malformed", "the message has no well-formed proof"};

// No control character: RFC 5802 forbids NUL alone, but whoever reads our diagnostics is spared the others.
bool is_plain(std::string_view text) {
  return core::is_utf8(text) &&
         std::ranges::all_of(text, [](char c) { return static_cast<uint8_t>(c) >= 0x20 && c != 0x7f; });
}

// "=2C" is a comma and "=3D" an equals sign; neither stands for itself (RFC 5802, 5.1).
std::optional<std::string> decode_name(std::string_view text) {
  std::string name;
  for (; !text.empty(); text.remove_prefix(1)) {
    if (text[0] != '=') {
      name += text[0];
    } else if (text.starts_with("=2C") || text.starts_with("=3D")) {
      name += text[1] == '2' ? ',' : '=';
      text.remove_prefix(2);
    } else {
      return std::nullopt;
    }
  }
  if (!is_scram_name(name)) return std::nullopt;
  return name;
}

bool is_nonce(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~' && c != ','; });
}

// The part up to the next comma, which is taken too; the last part has none.
std::string_view take_part(std::string_view& rest) {
  const size_t comma = rest.find(',');
  const std::string_view part = rest.substr(0, comma);
  rest.remove_prefix(comma == rest.npos ? rest.size() : comma + 1);
  return part;
}

// The value of "n=value"; nothing when the part is something else.
std::optional<std::string_view> value_of(std::string_view part, char attribute) {
  if (part.size() < 2 || part[0] != attribute || part[1] != '=') return std::nullopt;
  return part.substr(2);
}

// "x=value"
bool is_extension(std::string_view part) {
  if (part.size() < 3 || part[1] != '=') return false;
  return (part[0] >= 'a' && part[0] <= 'z') || (part[0] >= 'A' && part[0] <= 'Z');
}

// "r=nonce" and, with a comma before each, what a later version of SCRAM may add; that is skipped when it is
// well-formed.
const ScramError* read_nonce(std::string_view rest, std::string_view& nonce) {
  bool more = rest.find(',') != rest.npos;
  const auto value = value_of(take_part(rest), 'r');
  if (!value || !is_nonce(*value)) return &kBadNonce;
  nonce = *value;
  while (more) {
    more = rest.find(',') != rest.npos;
    if (!is_extension(take_part(rest))) return &kBadExtension;
  }
  return nullptr;
}

const ScramError* check_text(std::string_view message) {
  if (message.size() > kScramMessageBytesMax) return &kLong;
  return is_plain(message) ? nullptr : &kNotUtf8;
}

// Takes the GS2 header. `identity` is what the client wants to act as, still encoded; empty when it does not say.
const ScramError* take_gs2_header(std::string_view& rest, std::string_view& identity) {
  if (std::ranges::count(rest, ',') < 2) return &kBadHeader;
  const std::string_view binding = take_part(rest);
  if (binding.starts_with("p=")) return &kBinding;
  // "y": it could, and believes that we cannot. We do not offer it, so nobody has come between.
  if (binding != "n" && binding != "y") return &kBadHeader;
  const std::string_view part = take_part(rest);
  if (part.empty()) return nullptr;
  const auto value = value_of(part, 'a');
  if (!value || value->empty()) return &kBadHeader;
  identity = *value;
  return nullptr;
}

}  // namespace

bool is_scram_name(std::string_view name) {
  return !name.empty() && name.size() <= kScramNameBytesMax && is_plain(name);
}

std::expected<ClientFirst, ScramError> parse_client_first(std::string_view message) {
  if (const ScramError* error = check_text(message)) return std::unexpected(*error);
  ClientFirst first;
  std::string_view rest = message;
  std::string_view identity;
  if (const ScramError* error = take_gs2_header(rest, identity)) return std::unexpected(*error);
  first.gs2_header = message.substr(0, message.size() - rest.size());
  first.bare = rest;
  if (rest.starts_with("m=")) return std::unexpected(kMandatory);
  const auto encoded = value_of(take_part(rest), 'n');
  auto name = encoded ? decode_name(*encoded) : std::nullopt;
  if (!name) return std::unexpected(kBadName);
  if (!identity.empty() && decode_name(identity) != name) return std::unexpected(kOtherIdentity);
  first.user_name = *std::move(name);
  if (const ScramError* error = read_nonce(rest, first.nonce)) return std::unexpected(*error);
  if (first.nonce.size() > kScramNonceBytesMax) return std::unexpected(kBadNonce);
  return first;
}

std::expected<ClientFinal, ScramError> parse_client_final(std::string_view message) {
  if (const ScramError* error = check_text(message)) return std::unexpected(*error);
  ClientFinal last;
  // Base64 has no comma, and the proof is what comes last.
  const size_t comma = message.rfind(',');
  const auto encoded = comma == message.npos ? std::nullopt : value_of(message.substr(comma + 1), 'p');
  const auto proof = encoded ? from_base64(*encoded) : std::nullopt;
  if (!proof || proof->size() != last.proof.size()) return std::unexpected(kBadProof);
  std::ranges::copy(core::as_bytes(*proof), last.proof.begin());
  last.without_proof = message.substr(0, comma);

  std::string_view rest = last.without_proof;
  const auto binding = value_of(take_part(rest), 'c');
  if (!binding) return std::unexpected(kNoBinding);
  last.channel_binding = *binding;
  if (const ScramError* error = read_nonce(rest, last.nonce)) return std::unexpected(*error);
  return last;
}

}  // namespace penstock::auth
