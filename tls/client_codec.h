// ClientCodec: the client's side of a TLS connection, for the load generator and for tests.
#pragma once

#include <openssl/base.h>
#include <openssl/ssl.h>

#include <memory>

#include "tls/client_context.h"
#include "tls/tls_codec.h"

namespace penstock::tls {

// What a client resumes with; of TLS 1.3 good for one connection.
using ClientSession = std::shared_ptr<SSL_SESSION>;

class ClientCodec final : public TlsCodec {
 public:
  // With a session, that is offered to be resumed.
  explicit ClientCodec(std::shared_ptr<const ClientContext> context, const ClientSession& session = nullptr);

  // The client speaks first.
  core::StreamState start(core::ByteSink& down);

  // The newest session that the server has given; none before it has. In TLS 1.3 it comes after the handshake.
  const ClientSession& session() const { return session_; }

  // What the library asks is answered by the codec of that connection: for a context that is being made.
  static void answer_for(SSL_CTX* context);

 private:
  struct Callbacks;

  std::shared_ptr<const ClientContext> context_;
  ClientSession session_;
};

}  // namespace penstock::tls
