// ScramUsers: the users of a text file, one a line, in the form in which PostgreSQL keeps its passwords:
//
//   name:SCRAM-SHA-256$4096:<salt>$<StoredKey>:<ServerKey>          Base64 with padding between < and >
//
// Empty lines and lines that begin with '#' do not count. Parsed whole, at start and at reload; what was parsed never
// changes, so that all threads may look.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "auth/scram.h"
#include "core/result.h"

namespace penstock::auth {

class ScramUsers final : public ScramUserLookup {
 public:
  static constexpr size_t kUsersMax = 10'000'000;
  static constexpr size_t kSaltBytesMax = 64;
  // RFC 7677, 4: fewer make passwords too cheap to guess, and clients refuse them.
  static constexpr uint32_t kIterationsMin = 4096;
  static constexpr uint32_t kIterationsMax = 10'000'000;  // more would keep an honest client busy for seconds

  // `text` is the whole file; `path` stands in the error, which names the line and shows nothing of a credential.
  static core::Result<std::shared_ptr<const ScramUsers>> parse(std::string_view text, std::string_view path);

  std::optional<ScramCredential> find(std::string_view user_name) const override;
  ScramShape usual_shape() const override { return usual_shape_; }
  size_t size() const { return users_.size(); }

 private:
  struct NameHash {
    using is_transparent = void;
    size_t operator()(std::string_view name) const { return std::hash<std::string_view>()(name); }
  };

  void choose_usual_shape();

  std::unordered_map<std::string, ScramCredential, NameHash, std::equal_to<>> users_;
  ScramShape usual_shape_;
};

// The line of one user, without its end.
std::string to_line(std::string_view user_name, const ScramCredential& credential);

}  // namespace penstock::auth
