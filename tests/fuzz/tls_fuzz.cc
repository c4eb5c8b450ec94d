// Fuzzes the server's end of TLS. The first byte says what the rest is: bytes for a server that has just been connected
// to, bytes for one whose handshake is done, or changes to what a real client sends in its handshake. Laws: nothing is
// given up before the handshake is done; a failure has a label and a printable reason; what is sent is a small multiple
// of what came.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "core/check.h"
#include "tests/tls/tls_pair.h"

namespace {

using penstock::core::as_bytes;
using penstock::core::StreamState;
using namespace penstock::tls;

struct Setup {
  Setup() {
    ServerSettings settings = files.server_settings();
    settings.client_certificate = ClientCertificate::kOptional;
    settings.trust.ca_files = {files.path("ca.pem")};
    server = server_with(settings);
    ClientSettings client_settings = files.client_settings();
    client_settings.key_pair =
        files.issue("client", {.common_name = "client", .usage = penstock::test::TestUsage::kClient});
    client_settings.application_protocols = {"mqtt"};
    client_settings.insecure = true;  // a server whose ClientHello was changed may show anything
    for (const auto version : {TlsVersion::kTls12, TlsVersion::kTls13}) {
      client_settings.version_min = client_settings.version_max = version;
      clients[version == TlsVersion::kTls13 ? 1 : 0] = client_with(client_settings);
    }
  }

  TlsFiles files;
  ServerPointer server;
  ClientPointer clients[2];
};

bool is_alive(const TlsCodec& codec) {
  return codec.state() == StreamState::kOpening || codec.state() == StreamState::kOpen;
}

void check_laws(const TlsPair& pair, size_t received_bytes, size_t sent_bytes) {
  if (pair.server.state() == StreamState::kOpening) CHECK(pair.server_up.text.empty());
  CHECK_LE(pair.server_up.text.size(), received_bytes);
  CHECK_LE(sent_bytes, 16'384 + 2 * received_bytes);
  if (pair.server.state() != StreamState::kFailed) return;
  CHECK(pair.server.failure().reason[0] != '\0');
  CHECK(!pair.server.failure().detail.empty());
  for (const char c : pair.server.failure().detail) CHECK(c >= 0x20 && c < 0x7f);
}

// Gives the server bytes in pieces of `cut`.
void feed(TlsPair& pair, std::string_view bytes, size_t cut) {
  size_t received = 0, sent = 0;
  while (!bytes.empty() && is_alive(pair.server)) {
    const std::string_view piece = bytes.substr(0, cut);
    pair.server.received(as_bytes(piece), pair.server_up, pair.to_client);
    received += piece.size();
    sent += std::exchange(pair.to_client.text, {}).size();
    check_laws(pair, received, sent);
    bytes.remove_prefix(piece.size());
  }
  if (pair.server.state() == StreamState::kOpen) pair.server.send(as_bytes("answer"), pair.to_client);
  if (pair.server.state() != StreamState::kFailed) pair.server.finish(pair.to_client);
}

// A handshake with a client whose flights are changed: each change is three bytes, where (two) and with what it is
// mixed.
void shake_hands(TlsPair& pair, std::string_view changes) {
  pair.client.start(pair.to_server);
  size_t received = 0, sent = 0;
  for (int turn = 0; turn < 6 && is_alive(pair.server) && is_alive(pair.client); ++turn) {
    std::string flight = std::exchange(pair.to_server.text, {});
    const size_t count = turn < 2 ? changes.size() / 2 : changes.size();
    for (size_t at = 0; at + 3 <= count && !flight.empty(); at += 3) {
      const size_t where = static_cast<uint8_t>(changes[at]) * 256 + static_cast<uint8_t>(changes[at + 1]);
      flight[where % flight.size()] ^= changes[at + 2];
    }
    changes.remove_prefix(count);
    pair.server.received(as_bytes(flight), pair.server_up, pair.to_client);
    received += flight.size();
    sent += pair.to_client.text.size();
    check_laws(pair, received, sent);
    pair.client.received(as_bytes(std::exchange(pair.to_client.text, {})), pair.client_up, pair.to_server);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Setup setup;
  if (size < 2) return 0;
  const ClientPointer& client = setup.clients[data[0] & 1];
  const size_t cut = data[1] == 0 ? SIZE_MAX : data[1];
  const std::string_view rest(reinterpret_cast<const char*>(data) + 2, size - 2);
  TlsPair pair(setup.server, client);
  switch ((data[0] >> 1) % 4) {
    case 0:
    case 1:
      feed(pair, rest, cut);
      break;
    case 2:
      pair.run();
      CHECK(pair.is_open());
      pair.server_up.text.clear();
      feed(pair, rest, cut);
      break;
    default:
      shake_hands(pair, rest);
  }
  return 0;
}
