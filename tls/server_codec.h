// ServerCodec: the server's side of a TLS connection. Begins when the client's first bytes come.
#pragma once

#include <openssl/ssl.h>

#include <memory>

#include "tls/certificate_expiry.h"
#include "tls/server_context.h"
#include "tls/tls_codec.h"

namespace penstock::tls {

class ServerCodec final : public TlsCodec {
 public:
  explicit ServerCodec(std::shared_ptr<const ServerContext> context);

  // What the library asks during a handshake is answered by the codec of that connection: for a context that is being
  // made.
  static void answer_for(SSL_CTX* context, UpperProtocol protocol, ClientCertificate client_certificate);

 private:
  struct Callbacks;

  std::shared_ptr<const ServerContext> context_;
  // A session must not outlive the certificate that the client has shown for it.
  int64_t session_valid_until_s_ = kNeverExpires;
};

}  // namespace penstock::tls
