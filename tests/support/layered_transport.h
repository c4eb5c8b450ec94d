// LayeredTransport: TLS, WebSocket or both on top of another Transport of a TestClient, with the client's side of our
// own layers, which clients that never block can have alone. And what a broker needs to listen for them. One thread at
// a time.
#pragma once

#include <memory>
#include <string>

#include "core/client_layers.h"
#include "tests/support/transport.h"

namespace penstock::test {

// None for plain TCP. They take any server.
core::ClientLayers layers_of(TransportKind kind);

// Through the handshakes. Where that fails, `error` says so.
std::unique_ptr<Transport> over_layers(std::unique_ptr<Transport> below, TransportKind kind, std::string& error);

// The value of --listen for a kind on 127.0.0.1, at a port that the kernel picks. Certificate and key of TLS are made
// and lie beside `path`.
std::string listener_of(TransportKind kind, const std::string& path);

}  // namespace penstock::test
