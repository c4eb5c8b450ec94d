#include "tls/tls_failure.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <string>
#include <utility>

#include "tls/x509_text.h"

namespace penstock::tls {
namespace {

constexpr int kFirstAlertReason = SSL_R_SSLV3_ALERT_CLOSE_NOTIFY;  // reasons from here on: an alert that came

// What a reason of the library counts as; nullptr for those that say nothing by themselves.
const char* label_of(int reason) {
  switch (reason) {
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SHARED_GROUP:
    case SSL_R_NO_COMMON_SIGNATURE_ALGORITHMS:
    case SSL_R_UNSUPPORTED_ELLIPTIC_CURVE:
      return kNoSharedCipher;
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return kCertificateRequired;
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
    case SSL_R_CANNOT_PARSE_LEAF_CERT:
    case SSL_R_CERT_LENGTH_MISMATCH:
    case SSL_R_BAD_SIGNATURE:
    case SSL_R_BAD_ECC_CERT:
    case SSL_R_ECC_CERT_NOT_FOR_SIGNING:
    case SSL_R_KEY_USAGE_BIT_INCORRECT:
    case SSL_R_UNKNOWN_CERTIFICATE_TYPE:
    case SSL_R_WRONG_CERTIFICATE_TYPE:
    case SSL_R_WRONG_SIGNATURE_TYPE:
      return kBadCertificate;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_INAPPROPRIATE_FALLBACK:
      return kProtocolVersion;
    case SSL_R_NO_APPLICATION_PROTOCOL:
      return kNoApplicationProtocol;
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
      return kNotTls;
    default:
      return reason >= kFirstAlertReason ? kRefusedByPeer : nullptr;
  }
}

// "NO_SHARED_CIPHER" becomes "no shared cipher".
std::string sentence_of(uint32_t error) {
  const char* name = ERR_reason_error_string(error);
  if (name == nullptr) return "error " + std::to_string(ERR_GET_REASON(error));
  std::string text;
  for (; *name != '\0'; ++name) {
    const bool is_upper = *name >= 'A' && *name <= 'Z';
    text += *name == '_' ? ' ' : is_upper ? static_cast<char>(*name - 'A' + 'a') : *name;
  }
  return text;
}

std::string detail_of(uint32_t error) {
  const int reason = ERR_GET_REASON(error);
  if (ERR_GET_LIB(error) != ERR_LIB_SSL || reason < kFirstAlertReason) return sentence_of(error);
  return std::string("the peer refuses: ") + SSL_alert_desc_string_long(reason - kFirstAlertReason);
}

}  // namespace

core::StreamFailure take_failure() {
  core::StreamFailure failure{kOther, ""};
  // The first error is the cause; a later one says it more plainly at times.
  while (const uint32_t error = ERR_get_error()) {
    const char* label = ERR_GET_LIB(error) == ERR_LIB_SSL ? label_of(ERR_GET_REASON(error)) : nullptr;
    if (failure.detail.empty() || (label != nullptr && failure.reason == kOther)) failure.detail = detail_of(error);
    if (label != nullptr && failure.reason == kOther) failure.reason = label;
  }
  if (failure.detail.empty()) failure.detail = "the handshake failed";
  return failure;
}

core::StreamFailure verification_failure(int error, std::string_view subject) {
  const char* label = kBadCertificate;
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      label = kCertificateExpired;
      break;
    case X509_V_ERR_CERT_REVOKED:
      label = kCertificateRevoked;
      break;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_UNTRUSTED:
      label = kUnknownCa;
      break;
    default:
      break;
  }
  std::string detail = X509_verify_cert_error_string(error);
  if (!subject.empty()) detail.append(": ").append(subject);
  return {label, std::move(detail)};
}

uint8_t alert_of_verification(int error) {
  return static_cast<uint8_t>(SSL_alert_from_verify_result(error));
}

bool begins_like_tls(core::Bytes bytes) {
  return bytes[0] == std::byte{SSL3_RT_HANDSHAKE} || bytes[0] == std::byte{SSL3_RT_ALERT};
}

core::StreamFailure not_tls_failure(core::Bytes bytes) {
  const std::string_view text = core::as_text(bytes);
  std::string detail;
  if (text.starts_with("PROXY ") || text.starts_with("\r\n\r\n")) {
    detail = "it begins with a PROXY header, which this listener does not expect";
  } else if (text.front() == 0x10) {
    detail = "it looks like MQTT without TLS";
  } else if (text.front() >= 'A' && text.front() <= 'Z') {
    detail = "it looks like HTTP without TLS";
  } else {
    detail = "it begins with " + printable(text.substr(0, 4));
  }
  return {kNotTls, std::move(detail)};
}

}  // namespace penstock::tls
