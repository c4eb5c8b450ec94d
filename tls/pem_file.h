// What a listener is given as files: certificates with their chain, private keys, authorities, revocation lists, all
// PEM. Each error names the file and says what is wrong with it. For start-up and the main thread: reading waits for
// the disk.
#pragma once

#include <openssl/base.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <string>
#include <vector>

#include "core/result.h"

namespace penstock::tls {

// All certificates of the file, in its order; at least one. Other things in it are left alone (a key may lie beside).
core::Result<std::vector<bssl::UniquePtr<X509>>> load_certificates(const std::string& path);

// The first private key of the file, without a passphrase.
core::Result<bssl::UniquePtr<EVP_PKEY>> load_private_key(const std::string& path);

// All revocation lists of the file; at least one.
core::Result<std::vector<bssl::UniquePtr<X509_CRL>>> load_revocation_lists(const std::string& path);

// The bytes of a certificate as they go over the wire, shared by all who hold the same ones.
bssl::UniquePtr<CRYPTO_BUFFER> wire_form(X509* certificate);

// Lies under all contexts of the process, and is never destroyed: certificates that many clients present (an
// intermediate authority) are in memory once.
CRYPTO_BUFFER_POOL* shared_certificates();

}  // namespace penstock::tls
