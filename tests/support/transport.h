// Transport: the byte stream between a TestClient and the broker, so that the same tests run over each kind that the
// broker listens on. Plain TCP is here, the others are in layered_transport.h. One thread at a time. A reset by the
// peer is an end like any other.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace penstock::test {

// Only ever the limit after which a test fails; nothing passes because time went by.
constexpr std::chrono::seconds kPatience{60};

enum class TransportKind : uint8_t { kTcp, kTls, kWebSocket, kWebSocketTls };
// As the scheme of --listen calls it, but for plain TCP, which is "tcp" here.
const char* name_of(TransportKind kind);
// PENSTOCK_TEST_TRANSPORT names it; plain TCP without.
TransportKind transport_under_test();

// Where the broker listens on 127.0.0.1. A port alone is plain TCP.
struct Endpoint {
  Endpoint(uint16_t to_port, TransportKind over = TransportKind::kTcp) : port(to_port), kind(over) {}

  uint16_t port;
  TransportKind kind;
};

class Transport {
 public:
  enum class Read : uint8_t { kBytes, kNothing, kEnd };

  Transport() = default;
  virtual ~Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  // All of them. False where the peer has closed, or does not take them within kPatience.
  virtual bool send(std::string_view bytes) = 0;
  // Appends what has come to `inbox`; waits for it as long as this.
  virtual Read receive(std::string& inbox, std::chrono::milliseconds patience) = 0;
  // The socket goes, with FIN or with RST, and no last word of the transport's own.
  virtual void close() = 0;
  virtual void reset() = 0;
  virtual int socket() const = 0;
};

// `receive_buffer_bytes` above 0 is the socket's SO_RCVBUF. Where it cannot be opened, `error` says why.
std::unique_ptr<Transport> open_transport(Endpoint endpoint, int receive_buffer_bytes, std::string& error);

}  // namespace penstock::test
