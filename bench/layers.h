// Layers: TLS, WebSocket, or WebSocket on TLS, between a connection of the generator and its socket; and who makes
// them, from the command line. The source is constant after start and shared by all threads, its layers belong to one
// connection each.
#pragma once

#include <openssl/base.h>

#include <memory>

#include "bench/settings.h"
#include "core/client_layers.h"
#include "core/random.h"
#include "core/result.h"
#include "tls/client_context.h"

namespace penstock::tls {
class ClientCodec;
}

namespace penstock::bench {

// What a connection resumes its next one with; null where there is none.
using TlsSession = std::shared_ptr<SSL_SESSION>;

class Layers {
 public:
  core::ClientLayers stack;

  TlsSession session() const;
  bool is_resumed() const;

 private:
  friend class LayerSource;
  tls::ClientCodec* tls_ = nullptr;  // one of the stack, or null
};

class LayerSource {
 public:
  // Reads the files that --ca, --cert and --key name.
  static core::Result<LayerSource> load(const Settings& settings);

  // Null where nothing stands between. `masks` are for what a WebSocket sends, and outlive the layers.
  std::unique_ptr<Layers> make(core::Random& masks, const TlsSession& resumed) const;
  // Layers are asked for their session when their connection ends.
  bool resumes() const { return resumes_; }

 private:
  std::shared_ptr<const tls::ClientContext> context_;  // null without TLS
  TargetUrl url_;
  const char* subprotocol_ = "mqtt";
  bool resumes_ = false;
};

}  // namespace penstock::bench
