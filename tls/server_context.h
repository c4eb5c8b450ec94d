// ServerContext: what one TLS listener goes by: certificates and keys, whom it trusts, what it asks of clients.
// Immutable, for any number of threads at once. A reload makes a new one; connections of the old one keep it alive.
#pragma once

#include <openssl/base.h>
#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "tls/certificate_choice.h"
#include "tls/certificate_expiry.h"
#include "tls/chain_verifier.h"
#include "tls/ticket_keys.h"
#include "tls/tls_codec.h"

namespace penstock::tls {

// Two PEM files: the certificate, followed by the authorities that lead to its root, and its key. May be one file.
struct KeyPairFiles {
  std::string certificate;
  std::string key;
};

enum class ClientCertificate : uint8_t {
  kNone,      // not asked for
  kOptional,  // asked for; a client may have none, but none that is wrong
  kRequired,
};

enum class TlsVersion : uint16_t { kTls12 = TLS1_2_VERSION, kTls13 = TLS1_3_VERSION };

// What is spoken through TLS, for ALPN (RFC 7301): a client that offers protocols has to offer this one.
enum class UpperProtocol : uint8_t {
  kMqtt,  // "mqtt"
  kHttp,  // "http/1.1": WebSocket
};

struct ServerSettings {
  // At least one. A client is shown the one for the name that it asks for, of several for that name one that it can
  // verify (an EC and an RSA key for one name are two pairs); the first one, when it asks for none of them.
  std::vector<KeyPairFiles> key_pairs;
  TrustFiles trust;  // for certificates of clients
  ClientCertificate client_certificate = ClientCertificate::kNone;
  TlsVersion version_min = TlsVersion::kTls12;
  UpperProtocol protocol = UpperProtocol::kMqtt;
  uint32_t records_per_key_max = kRecordsPerKeyMax;  // of TLS 1.3
};

class ServerContext {
 public:
  // An error names the file and what is wrong with it. The clock outlives the context.
  static core::Result<std::shared_ptr<const ServerContext>> load(const ServerSettings& settings,
                                                                 std::shared_ptr<const TicketKeys> tickets,
                                                                 core::Clock& clock = core::system_clock());

  // All that expires at some time: certificates of servers and authorities, revocation lists.
  const std::vector<CertificateInUse>& certificates() const { return certificates_; }

  // For codecs.
  SSL_CTX* standard() const { return contexts_.front().get(); }
  SSL_CTX* context_for(const ClientOffer& offer) const;
  const ChainVerifier* verifier() const { return verifier_ ? &*verifier_ : nullptr; }
  uint32_t records_per_key_max() const { return records_per_key_max_; }
  const TicketKeys& tickets() const { return *tickets_; }
  int64_t now_s() const { return clock_->wall_us() / core::kUsPerSecond; }

 private:
  ServerContext(std::shared_ptr<const TicketKeys> tickets, core::Clock& clock);

  core::Status load_trust(const ServerSettings& settings);
  core::Status add_key_pair(const KeyPairFiles& files, const ServerSettings& settings);
  void set_up(SSL_CTX* context, const ServerSettings& settings) const;

  std::shared_ptr<const TicketKeys> tickets_;
  core::Clock* clock_;
  std::optional<ChainVerifier> verifier_;           // none when certificates of clients are not asked for
  std::vector<bssl::UniquePtr<SSL_CTX>> contexts_;  // one for each pair, alike but for the pair
  std::vector<Candidate> candidates_;               // the pairs
  std::vector<CertificateInUse> certificates_;
  uint32_t records_per_key_max_ = kRecordsPerKeyMax;
  bool only_tls13_ = false;
};

}  // namespace penstock::tls
