#include "tests/support/certificate_maker.h"

#include <openssl/bio.h>
#include <openssl/cipher.h>
#include <openssl/ec_key.h>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <ctime>
#include <fstream>

#include "core/check.h"

namespace penstock::test {
namespace {

bssl::UniquePtr<EVP_PKEY> make_key_by(EVP_PKEY_CTX* context) {
  EVP_PKEY* key = nullptr;
  CHECK_EQ(EVP_PKEY_keygen(context, &key), 1);
  return bssl::UniquePtr<EVP_PKEY>(key);
}

bssl::UniquePtr<EVP_PKEY> make_ec_key(int curve) {
  bssl::UniquePtr<EC_KEY> ec(EC_KEY_new_by_curve_name(curve));
  CHECK(ec && EC_KEY_generate_key(ec.get()) == 1);
  bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  CHECK_EQ(EVP_PKEY_set1_EC_KEY(key.get(), ec.get()), 1);
  return key;
}

bssl::UniquePtr<EVP_PKEY> make_rsa_key(int bits) {
  const bssl::UniquePtr<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new_id(EVP_PKEY_RSA, nullptr));
  CHECK_EQ(EVP_PKEY_keygen_init(context.get()), 1);
  CHECK_EQ(EVP_PKEY_CTX_set_rsa_keygen_bits(context.get(), bits), 1);
  return make_key_by(context.get());
}

bssl::UniquePtr<EVP_PKEY> make_ed25519_key() {
  const bssl::UniquePtr<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new_id(EVP_PKEY_ED25519, nullptr));
  CHECK_EQ(EVP_PKEY_keygen_init(context.get()), 1);
  return make_key_by(context.get());
}

// RSA keys take a long time to make: one of each length serves all.
template <int bits>
bssl::UniquePtr<EVP_PKEY> shared_rsa_key() {
  static const bssl::UniquePtr<EVP_PKEY> key = make_rsa_key(bits);
  return bssl::UpRef(key);
}

bssl::UniquePtr<EVP_PKEY> make_key(TestKey kind) {
  switch (kind) {
    case TestKey::kEcP256:
      return make_ec_key(NID_X9_62_prime256v1);
    case TestKey::kEcP384:
      return make_ec_key(NID_secp384r1);
    case TestKey::kRsa2048:
      return shared_rsa_key<2048>();
    case TestKey::kRsa1024:
      return shared_rsa_key<1024>();
    case TestKey::kEd25519:
      return make_ed25519_key();
  }
  return nullptr;
}

void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const bssl::UniquePtr<X509_EXTENSION> extension(X509V3_EXT_nconf_nid(nullptr, &context, nid, value.c_str()));
  CHECK(extension != nullptr);
  CHECK_EQ(X509_add_ext(certificate, extension.get(), -1), 1);
}

void set_common_name(X509* certificate, std::string_view name) {
  const bssl::UniquePtr<X509_NAME> subject(X509_NAME_new());
  if (!name.empty()) {
    CHECK_EQ(
        X509_NAME_add_entry_by_txt(subject.get(), "CN", MBSTRING_UTF8, reinterpret_cast<const uint8_t*>(name.data()),
                                   static_cast<int>(name.size()), -1, 0),
        1);
  }
  CHECK_EQ(X509_set_subject_name(certificate, subject.get()), 1);
}

// All but issuer, extensions and signature.
TestCertificate begin_certificate(const CertificateSpec& spec) {
  static uint64_t serial = 1'000'000;
  TestCertificate made{bssl::UniquePtr<X509>(X509_new()), make_key(spec.key)};
  X509* certificate = made.certificate.get();
  CHECK_EQ(X509_set_version(certificate, 2), 1);
  CHECK_EQ(ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), ++serial), 1);
  CHECK(X509_gmtime_adj(X509_getm_notBefore(certificate), spec.not_before_s) != nullptr);
  CHECK(X509_gmtime_adj(X509_getm_notAfter(certificate), spec.not_after_s) != nullptr);
  set_common_name(certificate, spec.common_name);
  CHECK_EQ(X509_set_pubkey(certificate, made.key.get()), 1);
  return made;
}

void sign(X509* certificate, const TestCertificate& issuer) {
  CHECK_EQ(X509_set_issuer_name(certificate, X509_get_subject_name(issuer.certificate.get())), 1);
  CHECK_GT(X509_sign(certificate, issuer.key.get(), EVP_sha256()), 0);
}

std::string text_in(BIO* bio) {
  const uint8_t* bytes = nullptr;
  size_t count = 0;
  CHECK_EQ(BIO_mem_contents(bio, &bytes, &count), 1);
  return {reinterpret_cast<const char*>(bytes), count};
}

bssl::UniquePtr<BIO> text_bio() {
  return bssl::UniquePtr<BIO>(BIO_new(BIO_s_mem()));
}

}  // namespace

std::string TestCertificate::certificate_pem() const {
  const auto out = text_bio();
  CHECK_EQ(PEM_write_bio_X509(out.get(), certificate.get()), 1);
  return text_in(out.get());
}

std::string TestCertificate::key_pem() const {
  const auto out = text_bio();
  CHECK_EQ(PEM_write_bio_PrivateKey(out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr), 1);
  return text_in(out.get());
}

std::string TestCertificate::encrypted_key_pem() const {
  const auto out = text_bio();
  char passphrase[] = "secret";
  CHECK_EQ(PEM_write_bio_PKCS8PrivateKey(out.get(), key.get(), EVP_aes_256_cbc(), passphrase, 6, nullptr, nullptr), 1);
  return text_in(out.get());
}

TestAuthority::TestAuthority(std::string_view common_name, const TestAuthority* issuer)
    : own_(begin_certificate({.common_name = std::string(common_name), .not_after_s = 3650 * kDaySeconds})) {
  X509* certificate = own_.certificate.get();
  const TestCertificate& signer = issuer == nullptr ? own_ : issuer->own_;
  add_extension(certificate, signer.certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
  add_extension(certificate, signer.certificate.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
  sign(certificate, signer);
}

TestCertificate TestAuthority::issue(const CertificateSpec& spec) const {
  TestCertificate made = begin_certificate(spec);
  X509* certificate = made.certificate.get();
  X509* issuer = own_.certificate.get();
  add_extension(certificate, issuer, NID_key_usage, "critical,digitalSignature");
  add_extension(certificate, issuer, NID_ext_key_usage, spec.usage == TestUsage::kServer ? "serverAuth" : "clientAuth");
  std::string names;
  for (const std::string& name : spec.alternative_names) names.append(names.empty() ? "" : ",").append(name);
  if (!names.empty()) add_extension(certificate, issuer, NID_subject_alt_name, names);
  sign(certificate, own_);
  return made;
}

std::string TestAuthority::revocation_list(const std::vector<const X509*>& revoked, int64_t next_update_s) const {
  const bssl::UniquePtr<X509_CRL> list(X509_CRL_new());
  const time_t now = std::time(nullptr);
  const bssl::UniquePtr<ASN1_TIME> made_at(ASN1_TIME_set(nullptr, now - 10 * kDaySeconds));
  const bssl::UniquePtr<ASN1_TIME> next_at(ASN1_TIME_set(nullptr, now + next_update_s));
  CHECK_EQ(X509_CRL_set_version(list.get(), 1), 1);
  CHECK_EQ(X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(own_.certificate.get())), 1);
  CHECK_EQ(X509_CRL_set1_lastUpdate(list.get(), made_at.get()), 1);
  CHECK_EQ(X509_CRL_set1_nextUpdate(list.get(), next_at.get()), 1);
  for (const X509* certificate : revoked) {
    bssl::UniquePtr<X509_REVOKED> entry(X509_REVOKED_new());
    auto* serial = const_cast<ASN1_INTEGER*>(X509_get0_serialNumber(certificate));
    CHECK_EQ(X509_REVOKED_set_serialNumber(entry.get(), serial), 1);
    CHECK_EQ(X509_REVOKED_set_revocationDate(entry.get(), made_at.get()), 1);
    CHECK_EQ(X509_CRL_add0_revoked(list.get(), entry.release()), 1);
  }
  CHECK_GT(X509_CRL_sign(list.get(), own_.key.get(), EVP_sha256()), 0);
  const auto out = text_bio();
  CHECK_EQ(PEM_write_bio_X509_CRL(out.get(), list.get()), 1);
  return text_in(out.get());
}

void write_text(const std::string& path, std::string_view text) {
  std::ofstream file(path, std::ios::trunc | std::ios::binary);
  file << text;
  file.flush();
  CHECK(file.good());
}

}  // namespace penstock::test
