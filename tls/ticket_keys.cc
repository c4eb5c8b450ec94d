#include "tls/ticket_keys.h"

#include <openssl/aead.h>
#include <openssl/err.h>
#include <openssl/mem.h>
#include <openssl/rand.h>

#include <cstring>
#include <vector>

#include "core/check.h"

namespace penstock::tls {
namespace {

//  0                16               40
//  ┌────────────────┬────────────────┬──────────────────────────────────────────┬──────────┐
//  │ name of key 16 │ nonce 24       │ sealed: valid_until_s 8 (LE), session    │ tag 16   │
//  └────────────────┴────────────────┴──────────────────────────────────────────┴──────────┘
// The nonce is random: 24 bytes are enough for that, 12 (of AES-GCM) would not be for ever.
constexpr size_t kNameBytes = 16;
constexpr size_t kNonceBytes = 24;
constexpr size_t kKeyBytes = 32;
constexpr size_t kTagBytes = 16;
constexpr size_t kExpiryBytes = sizeof(int64_t);
constexpr size_t kSealedAt = kNameBytes + kNonceBytes;
static_assert(TicketKeys::kOverheadBytes == kSealedAt + kExpiryBytes + kTagBytes);

// A session in the clear, wiped when it is not needed any more.
class SecretBytes {
 public:
  explicit SecretBytes(size_t count) : bytes_(count) {}
  ~SecretBytes() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;

  uint8_t* data() { return bytes_.data(); }
  size_t size() const { return bytes_.size(); }

 private:
  std::vector<uint8_t> bytes_;
};

uint8_t* octets(core::MutableBytes bytes) {
  return reinterpret_cast<uint8_t*>(bytes.data());
}
const uint8_t* octets(core::Bytes bytes) {
  return reinterpret_cast<const uint8_t*>(bytes.data());
}

}  // namespace

struct TicketKeys::Key {
  Key() {
    RAND_bytes(name, sizeof name);
    SecretBytes secret(kKeyBytes);
    RAND_bytes(secret.data(), secret.size());
    CHECK_EQ(EVP_AEAD_CTX_init(cipher.get(), EVP_aead_xchacha20_poly1305(), secret.data(), secret.size(), kTagBytes,
                               nullptr),
             1);
  }

  uint8_t name[kNameBytes];
  bssl::ScopedEVP_AEAD_CTX cipher;  // used by many threads at once, which its library allows
};

TicketKeys::TicketKeys() : keys_{std::make_shared<const Key>(), nullptr} {}
TicketKeys::~TicketKeys() = default;

void TicketKeys::rotate() {
  auto next = std::make_shared<const Key>();
  const std::lock_guard lock(mutex_);
  keys_.previous = std::move(keys_.current);
  keys_.current = std::move(next);
}

TicketKeys::Keys TicketKeys::keys() const {
  const std::lock_guard lock(mutex_);
  return keys_;
}

size_t TicketKeys::seal(core::Bytes session, int64_t valid_until_s, core::MutableBytes ticket) const {
  CHECK_GE(ticket.size(), session.size() + kOverheadBytes);
  const std::shared_ptr<const Key> key = keys().current;
  SecretBytes plain(kExpiryBytes + session.size());
  core::store_le(plain.data(), valid_until_s);
  std::memcpy(plain.data() + kExpiryBytes, session.data(), session.size());
  uint8_t* out = octets(ticket);
  std::memcpy(out, key->name, kNameBytes);
  RAND_bytes(out + kNameBytes, kNonceBytes);
  size_t sealed = 0;
  CHECK_EQ(EVP_AEAD_CTX_seal(key->cipher.get(), out + kSealedAt, &sealed, ticket.size() - kSealedAt, out + kNameBytes,
                             kNonceBytes, plain.data(), plain.size(), out, kNameBytes),
           1);
  return kSealedAt + sealed;
}

std::optional<TicketKeys::Opened> TicketKeys::open(core::Bytes ticket, core::MutableBytes session) const {
  if (ticket.size() < kOverheadBytes) return {};
  CHECK_GE(session.size(), ticket.size());
  const Keys at_hand = keys();
  const uint8_t* in = octets(ticket);
  for (const Key* key : {at_hand.current.get(), at_hand.previous.get()}) {
    if (key == nullptr || std::memcmp(key->name, in, kNameBytes) != 0) continue;
    SecretBytes plain(ticket.size());
    size_t bytes = 0;
    if (EVP_AEAD_CTX_open(key->cipher.get(), plain.data(), &bytes, plain.size(), in + kNameBytes, kNonceBytes,
                          in + kSealedAt, ticket.size() - kSealedAt, in, kNameBytes) != 1) {
      ERR_clear_error();
      return {};
    }
    CHECK_GE(bytes, kExpiryBytes);
    const auto valid_until_s = core::load_le<int64_t>(plain.data());
    std::memcpy(octets(session), plain.data() + kExpiryBytes, bytes - kExpiryBytes);
    return Opened{bytes - kExpiryBytes, valid_until_s};
  }
  return {};
}

}  // namespace penstock::tls
