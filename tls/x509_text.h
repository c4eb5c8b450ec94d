// What certificates hold, as text and numbers that the rest of the broker can work with. Names come from whoever made
// the certificate: they may hold anything. Any thread.
#pragma once

#include <openssl/base.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace penstock::tls {

// Seconds since 1970. What cannot be a date counts as long past.
int64_t unix_seconds(const ASN1_TIME* time);

// "CN=sensor-1,O=Acme", as RFC 2253 writes it: printable ASCII.
std::string text_of(const X509_NAME* name);

// The first common name of the subject, UTF-8. Empty when there is none, and when it holds a NUL: whoever compares such
// names as C strings would take one for another.
std::string common_name_of(const X509* certificate);

// `text` for a line that a person reads: everything but printable ASCII is escaped, and it ends after `bytes_max`.
std::string printable(std::string_view text, size_t bytes_max = 200);

// Two lower-case digits for each byte.
std::string hex_of(const uint8_t* bytes, size_t count);

}  // namespace penstock::tls
