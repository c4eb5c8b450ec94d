// The PROXY header: who is behind a load balancer, as that tells it in front of the first byte of the connection
// (HAProxy's proxy-protocol.txt). Version 1 is a line of text, version 2 is binary. Pure; the caller keeps the bytes.
// Whoever can connect can say anything in it: a listener that reads it must be reachable for its balancers alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/bytes.h"
#include "core/network.h"

namespace penstock::proxy {

enum class ProxyVersion : uint8_t { kAny, kV1, kV2 };

constexpr size_t kV1BytesMax = 107;                       // with CR LF
constexpr size_t kV2FixedBytes = 16;                      // signature, version, family, length
constexpr size_t kHeaderBytesMax = kV2FixedBytes + 4096;  // more is refused once its length is there

struct ProxyHeader {
  // Numeric. An empty host: the balancer speaks for itself (LOCAL, a health check), or names no TCP peer; then the
  // address of the socket is the right one.
  core::Endpoint source;
  // The common name of the client's certificate, which the balancer has verified; otherwise empty.
  std::string certificate_name;
};

struct ProxyError {
  const char* reason = "";  // label of the counter
  const char* text = "";
};

enum class ProxyParsing : uint8_t {
  kHeader,    // header and header_bytes of `out` are set
  kNeedMore,  // nothing is set. Never with kHeaderBytesMax bytes of input
  kError,     // out.error is set
};

struct ParsedProxy {
  ProxyHeader header;
  size_t header_bytes = 0;
  const ProxyError* error = nullptr;
};

// The header at the front of `input`, in the version that is wanted.
ProxyParsing parse_proxy_header(core::Bytes input, ProxyVersion version, ParsedProxy& out);

// One version each; `input` is not empty and agrees with the version's first bytes as far as it goes.
ProxyParsing parse_proxy_v1(core::Bytes input, ParsedProxy& out);
ProxyParsing parse_proxy_v2(core::Bytes input, ParsedProxy& out);

// How a header begins. No MQTT packet, no TLS record and no HTTP request does.
constexpr std::string_view kV1Signature = "PROXY ";
constexpr std::string_view kV2Signature{"\r\n\r\n\0\r\nQUIT\n", 12};

}  // namespace penstock::proxy
