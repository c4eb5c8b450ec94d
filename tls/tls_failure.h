// Why a TLS connection failed, as one of few labels for a counter and one line for a person.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/bytes.h"
#include "core/stream_codec.h"

namespace penstock::tls {

inline constexpr char kNoSharedCipher[] = "tls_no_shared_cipher";  // nor signature algorithm, nor group
inline constexpr char kUnknownCa[] = "tls_unknown_ca";
inline constexpr char kCertificateExpired[] = "tls_certificate_expired";  // or not valid yet
inline constexpr char kCertificateRevoked[] = "tls_certificate_revoked";
inline constexpr char kCertificateRequired[] = "tls_certificate_required";
inline constexpr char kBadCertificate[] = "tls_bad_certificate";
inline constexpr char kProtocolVersion[] = "tls_protocol_version";
inline constexpr char kNoApplicationProtocol[] = "tls_no_application_protocol";
inline constexpr char kNotTls[] = "tls_not_tls";
inline constexpr char kClosedEarly[] = "tls_closed_early";  // the peer said goodbye before the handshake was done
inline constexpr char kRefusedByPeer[] =
    "tls_refused_by_peer";  // an alert came: often it does not trust our certificate
inline constexpr char kOther[] = "tls_other";

// Out of the errors that the library has queued for this thread; none are left.
core::StreamFailure take_failure();

// A chain was not accepted: `error` is an X509_V_ code, `subject` the certificate that it is about.
core::StreamFailure verification_failure(int error, std::string_view subject);
// The alert that tells the peer so.
uint8_t alert_of_verification(int error);

// Whether the first bytes of a connection can be those of TLS; `bytes` is not empty.
bool begins_like_tls(core::Bytes bytes);
// They cannot: what they look like.
core::StreamFailure not_tls_failure(core::Bytes bytes);

}  // namespace penstock::tls
