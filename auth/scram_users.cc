#include "auth/scram_users.h"

#include <algorithm>
#include <charconv>
#include <expected>
#include <map>
#include <utility>

#include "auth/base64.h"
#include "auth/scram_message.h"
#include "core/printable.h"

namespace penstock::auth {
namespace {

constexpr std::string_view kScheme = ":SCRAM-SHA-256$";

std::unexpected<std::string> wrong(std::string text) {
  return std::unexpected(std::move(text));
}

// The part up to `separator`, which is taken too and has to be there.
std::expected<std::string_view, std::string> take_until(std::string_view& rest, char separator) {
  const size_t end = rest.find(separator);
  if (end == rest.npos) return wrong(std::string("'") + separator + "' is missing");
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return part;
}

std::expected<Sha256, std::string> parse_key(std::string_view text, const char* name) {
  const auto bytes = from_base64(text);
  Sha256 key;
  if (!bytes || bytes->size() != key.size()) return wrong(std::string(name) + " is not the Base64 of 32 bytes");
  std::ranges::copy(core::as_bytes(*bytes), key.begin());
  return key;
}

std::expected<uint32_t, std::string> parse_iterations(std::string_view text) {
  uint32_t iterations = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), iterations);
  const bool is_number = error == std::errc() && end == text.data() + text.size() && text[0] != '0';
  if (!is_number || iterations < ScramUsers::kIterationsMin || iterations > ScramUsers::kIterationsMax) {
    return wrong("the iterations are not a number from " + std::to_string(ScramUsers::kIterationsMin) + " to " +
                 std::to_string(ScramUsers::kIterationsMax));
  }
  return iterations;
}

// "4096:<salt>$<StoredKey>:<ServerKey>"
std::expected<ScramCredential, std::string> parse_credential(std::string_view rest) {
  const auto iterations_text = take_until(rest, ':');
  if (!iterations_text) return wrong(iterations_text.error());
  const auto salt_text = take_until(rest, '$');
  if (!salt_text) return wrong(salt_text.error());
  const auto stored_key_text = take_until(rest, ':');
  if (!stored_key_text) return wrong(stored_key_text.error());
  const auto iterations = parse_iterations(*iterations_text);
  if (!iterations) return wrong(iterations.error());
  auto salt = from_base64(*salt_text);
  if (!salt || salt->empty() || salt->size() > ScramUsers::kSaltBytesMax) {
    return wrong("the salt is not the Base64 of 1 to 64 bytes");
  }
  const auto stored_key = parse_key(*stored_key_text, "StoredKey");
  if (!stored_key) return wrong(stored_key.error());
  const auto server_key = parse_key(rest, "ServerKey");
  if (!server_key) return wrong(server_key.error());
  return ScramCredential{*std::move(salt), *iterations, *stored_key, *server_key};
}

struct Line {
  std::string_view user_name;
  ScramCredential credential;
};

std::expected<Line, std::string> parse_line(std::string_view text) {
  // The last one: a name may hold anything, a credential never holds this.
  const size_t name_end = text.rfind(kScheme);
  if (name_end == text.npos) return wrong("is not name:SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey");
  const std::string_view name = text.substr(0, name_end);
  if (!is_scram_name(name)) return wrong("the user name is empty, longer than 256 bytes, or not plain UTF-8");
  auto credential = parse_credential(text.substr(name_end + kScheme.size()));
  if (!credential) return wrong("user " + core::printable(name) + ": " + credential.error());
  return Line{name, *std::move(credential)};
}

}  // namespace

core::Result<std::shared_ptr<const ScramUsers>> ScramUsers::parse(std::string_view text, std::string_view path) {
  auto users = std::make_shared<ScramUsers>();
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.starts_with('#')) continue;
    const auto error = [&](const std::string& what) {
      return core::failure(std::string(path) + ":" + std::to_string(number) + ": " + what);
    };
    auto parsed = parse_line(line);
    if (!parsed) return error(parsed.error());
    if (users->size() == kUsersMax) return error("more than " + std::to_string(kUsersMax) + " users");
    const auto [user, is_new] =
        users->users_.try_emplace(std::string(parsed->user_name), std::move(parsed->credential));
    if (!is_new) return error("user " + core::printable(user->first) + " is there twice");
  }
  users->choose_usual_shape();
  return users;
}

std::optional<ScramCredential> ScramUsers::find(std::string_view user_name) const {
  const auto user = users_.find(user_name);
  if (user == users_.end()) return std::nullopt;
  return user->second;
}

void ScramUsers::choose_usual_shape() {
  std::map<std::pair<size_t, uint32_t>, size_t> counts;
  for (const auto& [name, credential] : users_) ++counts[{credential.salt.size(), credential.iterations}];
  const auto usual = std::ranges::max_element(counts, {}, [](const auto& entry) { return entry.second; });
  if (usual != counts.end()) usual_shape_ = {usual->first.first, usual->first.second};
}

std::string to_line(std::string_view user_name, const ScramCredential& credential) {
  return std::string(user_name) + std::string(kScheme) + std::to_string(credential.iterations) + ":" +
         to_base64(core::as_bytes(credential.salt)) + "$" + to_base64(credential.stored_key) + ":" +
         to_base64(credential.server_key);
}

}  // namespace penstock::auth
