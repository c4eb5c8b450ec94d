#include "tls/pem_file.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/mem.h>
#include <openssl/pem.h>
#include <openssl/pool.h>

#include <climits>

#include "core/check.h"
#include "core/small_file.h"

namespace penstock::tls {
namespace {

constexpr size_t kFileBytesMax = 64u << 20;  // revocation lists of large authorities have some tens of MiB
static_assert(kFileBytesMax <= INT_MAX);     // the length of a BIO

// Asked for the passphrase of an encrypted key. There is nobody to ask.
int no_passphrase(char*, int, int, void*) {
  return -1;
}

core::Result<std::string> read_pem(const std::string& path) {
  ASSIGN_OR_RETURN(std::string text, core::read_small_file(path, kFileBytesMax));
  if (text.find("-----BEGIN ") == std::string::npos) {
    return core::failure(path + ": is not PEM (nothing in it begins with -----BEGIN)");
  }
  return text;
}

bssl::UniquePtr<BIO> reader_of(const std::string& text) {
  ERR_clear_error();
  bssl::UniquePtr<BIO> reader(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  CHECK(reader != nullptr);
  return reader;
}

// True when the last read failed because nothing of its kind came any more.
bool at_end() {
  const uint32_t error = ERR_peek_last_error();
  const bool end = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  return end;
}

// Everything of one kind that the file holds; `read` is one of the PEM_read_bio_ functions.
template <typename Thing, typename Read>
core::Result<std::vector<bssl::UniquePtr<Thing>>> load_all(const std::string& path, const char* kind, Read read) {
  ASSIGN_OR_RETURN(const std::string text, read_pem(path));
  const bssl::UniquePtr<BIO> reader = reader_of(text);
  std::vector<bssl::UniquePtr<Thing>> things;
  while (Thing* thing = read(reader.get())) things.emplace_back(thing);
  if (!at_end()) {
    return core::failure(path + ": " + kind + " number " + std::to_string(things.size() + 1) + " in it is damaged");
  }
  if (things.empty()) return core::failure(path + ": there is no " + kind + " in it");
  return things;
}

}  // namespace

core::Result<std::vector<bssl::UniquePtr<X509>>> load_certificates(const std::string& path) {
  return load_all<X509>(path, "certificate",
                        [](BIO* reader) { return PEM_read_bio_X509(reader, nullptr, no_passphrase, nullptr); });
}

core::Result<std::vector<bssl::UniquePtr<X509_CRL>>> load_revocation_lists(const std::string& path) {
  return load_all<X509_CRL>(path, "revocation list",
                            [](BIO* reader) { return PEM_read_bio_X509_CRL(reader, nullptr, no_passphrase, nullptr); });
}

core::Result<bssl::UniquePtr<EVP_PKEY>> load_private_key(const std::string& path) {
  ASSIGN_OR_RETURN(std::string text, read_pem(path));
  bssl::UniquePtr<EVP_PKEY> key(PEM_read_bio_PrivateKey(reader_of(text).get(), nullptr, no_passphrase, nullptr));
  const bool none = !key && at_end();
  const bool encrypted = text.find("ENCRYPTED") != std::string::npos;
  OPENSSL_cleanse(text.data(), text.size());
  if (key) return key;
  if (none) return core::failure(path + ": there is no private key in it");
  if (encrypted) return core::failure(path + ": the private key is encrypted; it has to be there without a passphrase");
  return core::failure(path + ": the private key in it is damaged, or of a kind that is not supported");
}

bssl::UniquePtr<CRYPTO_BUFFER> wire_form(X509* certificate) {
  uint8_t* der = nullptr;
  const int bytes = i2d_X509(certificate, &der);
  CHECK_GT(bytes, 0);
  bssl::UniquePtr<CRYPTO_BUFFER> buffer(CRYPTO_BUFFER_new(der, static_cast<size_t>(bytes), shared_certificates()));
  OPENSSL_free(der);
  CHECK(buffer != nullptr);
  return buffer;
}

CRYPTO_BUFFER_POOL* shared_certificates() {
  static CRYPTO_BUFFER_POOL* const pool = CRYPTO_BUFFER_POOL_new();
  CHECK(pool != nullptr);
  return pool;
}

}  // namespace penstock::tls
