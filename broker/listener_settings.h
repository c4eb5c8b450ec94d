// ListenerSettings: one --listen, as a URL: which layers its connections have, and what each of them needs. Start-up
// only.
//
//   mqtt://HOST[:1883]         MQTT on TCP              ?proxy=v1|v2|any
//   mqtts://HOST[:8883]        on TLS                   and ?cert=FILE&key=FILE&ca=FILE&crl=FILE&verify=none|...
//   ws://HOST[:8083][/mqtt]    on WebSocket             and ?origin=https://PAGE
//   wss://HOST[:8084][/mqtt]   on WebSocket on TLS      and all of these
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/network.h"
#include "core/result.h"

namespace penstock::broker {

enum class ListenerScheme : uint8_t { kMqtt, kMqtts, kWs, kWss };
enum class ProxyHeader : uint8_t { kNone, kV1, kV2, kAny };
enum class ClientCertificate : uint8_t { kNone, kOptional, kRequired };

struct CertificateFiles {
  std::string certificate;  // PEM, the server's first, then those that lead to its root
  std::string key;
};

struct ListenerSettings {
  ListenerScheme scheme = ListenerScheme::kMqtt;
  core::Endpoint endpoint;
  ProxyHeader proxy = ProxyHeader::kNone;
  std::string path = "/mqtt";        // of WebSocket
  std::vector<std::string> origins;  // of WebSocket; empty: all
  std::vector<CertificateFiles> certificates;
  std::string ca;   // whose certificates clients may have; empty: none are asked for
  std::string crl;  // and which of them do not count any more
  ClientCertificate verify = ClientCertificate::kNone;

  bool has_tls() const { return scheme == ListenerScheme::kMqtts || scheme == ListenerScheme::kWss; }
  bool has_web_socket() const { return scheme == ListenerScheme::kWs || scheme == ListenerScheme::kWss; }
  // Whoever is on this machine. A name that resolves to another address does not count.
  bool is_loopback() const;
  // Everybody who gets as far as MQTT has proved who he is.
  bool is_authenticated() const { return verify == ClientCertificate::kRequired; }
};

// An error is one line that begins with the text, in quotes.
core::Result<ListenerSettings> parse_listener(std::string_view text);

// "wss://127.0.0.1:8084/mqtt": where clients find it.
std::string to_string(const ListenerSettings& settings);

}  // namespace penstock::broker
