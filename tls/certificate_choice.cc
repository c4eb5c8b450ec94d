#include "tls/certificate_choice.h"

#include <openssl/bytestring.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/evp.h>
#include <openssl/nid.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <initializer_list>

#include "core/check.h"

namespace penstock::tls {
namespace {

constexpr int kRsaBitsMin = 2048;

// One that we can speak with such a certificate in TLS 1.2; tls/server_context.cc has the same ones by name.
constexpr uint16_t kEcdsaSuites[] = {0xc02b, 0xc02c, 0xcca9};
constexpr uint16_t kRsaSuites[] = {0xc02f, 0xc030, 0xcca8};
constexpr uint16_t kRsaPssAlgorithms[] = {SSL_SIGN_RSA_PSS_RSAE_SHA256, SSL_SIGN_RSA_PSS_RSAE_SHA384,
                                          SSL_SIGN_RSA_PSS_RSAE_SHA512};
constexpr uint16_t kRsaAlgorithms[] = {SSL_SIGN_RSA_PSS_RSAE_SHA256, SSL_SIGN_RSA_PSS_RSAE_SHA384,
                                       SSL_SIGN_RSA_PSS_RSAE_SHA512, SSL_SIGN_RSA_PKCS1_SHA256,
                                       SSL_SIGN_RSA_PKCS1_SHA384,    SSL_SIGN_RSA_PKCS1_SHA512};
constexpr uint16_t kEcdsaAlgorithms[] = {SSL_SIGN_ECDSA_SECP256R1_SHA256, SSL_SIGN_ECDSA_SECP384R1_SHA384,
                                         SSL_SIGN_ECDSA_SECP521R1_SHA512};

bool holds_any(core::Bytes list, std::span<const uint16_t> wanted) {
  for (size_t at = 0; at + 2 <= list.size(); at += 2) {
    if (std::ranges::find(wanted, core::load_be16(list.data() + at)) != wanted.end()) return true;
  }
  return false;
}

struct Curve {
  uint16_t algorithm;  // of TLS 1.3, where the curve belongs to it
  uint16_t group;
};

Curve curve_of(KeyKind kind) {
  switch (kind) {
    case KeyKind::kEcP384:
      return {SSL_SIGN_ECDSA_SECP384R1_SHA384, SSL_CURVE_SECP384R1};
    case KeyKind::kEcP521:
      return {SSL_SIGN_ECDSA_SECP521R1_SHA512, SSL_CURVE_SECP521R1};
    default:
      return {SSL_SIGN_ECDSA_SECP256R1_SHA256, SSL_CURVE_SECP256R1};
  }
}

bool can_verify_in_tls13(const ClientOffer& offer, KeyKind kind) {
  if (kind == KeyKind::kRsa) return holds_any(offer.signature_algorithms, kRsaPssAlgorithms);
  return holds_any(offer.signature_algorithms, {{curve_of(kind).algorithm}});
}

bool can_verify_in_tls12(const ClientOffer& offer, KeyKind kind) {
  const bool names_algorithms = !offer.signature_algorithms.empty();
  if (kind == KeyKind::kRsa) {
    return holds_any(offer.cipher_suites, kRsaSuites) &&
           (!names_algorithms || holds_any(offer.signature_algorithms, kRsaAlgorithms));
  }
  return holds_any(offer.cipher_suites, kEcdsaSuites) &&
         (!names_algorithms || holds_any(offer.signature_algorithms, kEcdsaAlgorithms)) &&
         (offer.groups.empty() || holds_any(offer.groups, {{curve_of(kind).group}}));
}

core::Bytes bytes_of(const uint8_t* data, size_t count) {
  return {reinterpret_cast<const std::byte*>(data), count};
}

// The list that is all of an extension, after a length of `length_bytes`.
core::Bytes list_in(const SSL_CLIENT_HELLO& hello, uint16_t type, size_t length_bytes) {
  const uint8_t* data = nullptr;
  size_t count = 0;
  if (SSL_early_callback_ctx_extension_get(&hello, type, &data, &count) != 1) return {};
  CBS extension, list;
  CBS_init(&extension, data, count);
  const bool read = length_bytes == 1 ? CBS_get_u8_length_prefixed(&extension, &list)
                                      : CBS_get_u16_length_prefixed(&extension, &list);
  return read ? bytes_of(CBS_data(&list), CBS_len(&list)) : core::Bytes{};
}

std::string lower_case(std::string_view name) {
  std::string lower(name);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

// RFC 6125, 6.4.3: the wildcard is a whole label, the leftmost one, and stands for one label.
bool matches_wildcard(std::string_view pattern, std::string_view name) {
  if (!pattern.starts_with("*.")) return false;
  const size_t dot = name.find('.');
  return dot != std::string_view::npos && dot > 0 && name.substr(dot) == pattern.substr(1);
}

bool shares_name(const Candidate& a, const Candidate& b) {
  return std::ranges::any_of(
      a.dns_names, [&](const std::string& name) { return std::ranges::find(b.dns_names, name) != b.dns_names.end(); });
}

struct Best {
  std::optional<size_t> first;       // of those that belong
  std::optional<size_t> verifiable;  // the best of those that the client can verify too
};

// Among the candidates that `belongs` takes.
template <typename Belongs>
Best best_of(std::span<const Candidate> candidates, const ClientOffer& offer, bool only_tls13, Belongs belongs) {
  Best best;
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (!belongs(candidates[i])) continue;
    if (!best.first) best.first = i;
    if (!can_verify(offer, candidates[i].kind, only_tls13)) continue;
    const bool is_first_ec =
        candidates[i].kind != KeyKind::kRsa && best.verifiable && candidates[*best.verifiable].kind == KeyKind::kRsa;
    if (!best.verifiable || is_first_ec) best.verifiable = i;
  }
  return best;
}

// The certificate for a name that the client asks for; nothing when there is none.
std::optional<size_t> choose_by_name(std::span<const Candidate> candidates, const ClientOffer& offer, bool only_tls13,
                                     std::string_view name) {
  const Best exact = best_of(candidates, offer, only_tls13, [&](const Candidate& candidate) {
    return std::ranges::find(candidate.dns_names, name) != candidate.dns_names.end();
  });
  if (exact.verifiable) return exact.verifiable;
  const Best wildcard = best_of(candidates, offer, only_tls13, [&](const Candidate& candidate) {
    return std::ranges::any_of(candidate.dns_names,
                               [&](const std::string& pattern) { return matches_wildcard(pattern, name); });
  });
  if (wildcard.verifiable) return wildcard.verifiable;
  return exact.first ? exact.first : wildcard.first;
}

}  // namespace

std::optional<KeyKind> kind_of(const EVP_PKEY* key) {
  if (EVP_PKEY_id(key) == EVP_PKEY_RSA) {
    return EVP_PKEY_bits(key) < kRsaBitsMin ? std::optional<KeyKind>() : KeyKind::kRsa;
  }
  if (EVP_PKEY_id(key) != EVP_PKEY_EC) return {};
  switch (EC_GROUP_get_curve_name(EC_KEY_get0_group(EVP_PKEY_get0_EC_KEY(key)))) {
    case NID_X9_62_prime256v1:
      return KeyKind::kEcP256;
    case NID_secp384r1:
      return KeyKind::kEcP384;
    case NID_secp521r1:
      return KeyKind::kEcP521;
    default:
      return {};
  }
}

ClientOffer offer_of(const SSL_CLIENT_HELLO& hello, std::string_view server_name) {
  return {.server_name = server_name,
          .versions = list_in(hello, TLSEXT_TYPE_supported_versions, 1),
          .cipher_suites = bytes_of(hello.cipher_suites, hello.cipher_suites_len),
          .signature_algorithms = list_in(hello, TLSEXT_TYPE_signature_algorithms, 2),
          .groups = list_in(hello, TLSEXT_TYPE_supported_groups, 2)};
}

bool can_verify(const ClientOffer& offer, KeyKind kind, bool only_tls13) {
  if (only_tls13 || holds_any(offer.versions, {{TLS1_3_VERSION}})) return can_verify_in_tls13(offer, kind);
  return can_verify_in_tls12(offer, kind);
}

size_t choose_certificate(std::span<const Candidate> candidates, const ClientOffer& offer, bool only_tls13) {
  CHECK(!candidates.empty());
  if (!offer.server_name.empty()) {
    const auto named = choose_by_name(candidates, offer, only_tls13, lower_case(offer.server_name));
    if (named) return *named;
  }
  const Candidate& standard = candidates.front();
  const Best best = best_of(candidates, offer, only_tls13, [&](const Candidate& candidate) {
    return &candidate == &standard || shares_name(candidate, standard);
  });
  return best.verifiable.value_or(0);
}

}  // namespace penstock::tls
