// Which of several certificates a server shows to a client: by the name that it asks for, and by the kinds of keys that
// it can verify. Pure.
#pragma once

#include <openssl/base.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/bytes.h"

namespace penstock::tls {

enum class KeyKind : uint8_t { kRsa, kEcP256, kEcP384, kEcP521 };

// The kind of a key that a server can use; nothing for other kinds and for RSA keys of less than 2,048 bits.
std::optional<KeyKind> kind_of(const EVP_PKEY* key);

// What a ClientHello says, in the bytes of the wire: lists of big-endian 16-bit numbers.
struct ClientOffer {
  std::string_view server_name;  // empty: none
  core::Bytes versions;          // supported_versions; empty before TLS 1.3
  core::Bytes cipher_suites;
  core::Bytes signature_algorithms;  // empty: the client says nothing of it
  core::Bytes groups;                // the curves; empty: the client says nothing of it
};

// Reads the lists out of `hello`, whose bytes they are. What is malformed counts as absent; the library refuses it
// later.
ClientOffer offer_of(const SSL_CLIENT_HELLO& hello, std::string_view server_name);

// Whether a client with this offer can verify a server with such a key. `only_tls13`: the server speaks nothing older.
bool can_verify(const ClientOffer& offer, KeyKind kind, bool only_tls13);

// What is known of a certificate that can be chosen.
struct Candidate {
  std::vector<std::string> dns_names;  // lower case; "*.example.org" stands for one label
  KeyKind kind = KeyKind::kRsa;
};

// The index of the certificate to show. Those with the name that is asked for go before those with a wildcard for it,
// and these before the first one and those that share a name with it; among them one that the client can verify, and an
// EC key before RSA: its handshake costs the server a quarter. Where the client can verify none for the name, the first
// one for it. `candidates` is not empty.
size_t choose_certificate(std::span<const Candidate> candidates, const ClientOffer& offer, bool only_tls13);

}  // namespace penstock::tls
