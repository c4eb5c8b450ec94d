// Both ends of a TLS connection in memory, and the files that a listener is made of.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "core/check.h"
#include "tests/support/certificate_maker.h"
#include "tests/support/temp_dir.h"
#include "tls/client_codec.h"
#include "tls/server_codec.h"

namespace penstock::tls {

struct TextSink final : core::ByteSink {
  void take(core::Bytes bytes) override { text.append(core::as_text(bytes)); }
  std::string text;
};

using ServerPointer = std::shared_ptr<const ServerContext>;
using ClientPointer = std::shared_ptr<const ClientContext>;

class TlsPair {
 public:
  TlsPair(ServerPointer server_context, ClientPointer client_context, const ClientSession& session = nullptr)
      : server(std::move(server_context)), client(std::move(client_context), session) {}

  // Carries bytes both ways until none are left, in pieces of at most `cut`. What either end gives up gathers in
  // server_up and client_up.
  void run(size_t cut = SIZE_MAX) {
    if (!std::exchange(started_, true)) client.start(to_server);
    while (!to_server.text.empty() || !to_client.text.empty()) {
      carry(to_server, server, server_up, to_client, cut);
      carry(to_client, client, client_up, to_server, cut);
    }
  }

  bool is_open() const {
    return server.state() == core::StreamState::kOpen && client.state() == core::StreamState::kOpen;
  }

  ServerCodec server;
  ClientCodec client;
  TextSink server_up, client_up, to_server, to_client;

 private:
  static void carry(TextSink& from, TlsCodec& codec, TextSink& up, TextSink& down, size_t cut) {
    const std::string bytes = std::exchange(from.text, {});
    for (size_t at = 0; at < bytes.size(); at += cut) {
      const size_t count = std::min(cut, bytes.size() - at);
      if (codec.state() != core::StreamState::kOpening && codec.state() != core::StreamState::kOpen) return;
      codec.received(core::as_bytes({bytes.data() + at, count}), up, down);
      if (count < cut) return;
    }
  }

  bool started_ = false;
};

// An authority, and files that it signed, in a folder of their own.
class TlsFiles {
 public:
  TlsFiles() : authority("Test root") { test::write_text(path("ca.pem"), authority.pem()); }

  std::string path(const std::string& name) const { return directory_ / name; }

  // Writes NAME.pem and NAME.key.
  KeyPairFiles write(const std::string& name, const test::TestCertificate& made, const std::string& chain = {}) const {
    test::write_text(path(name + ".pem"), made.certificate_pem() + chain);
    test::write_text(path(name + ".key"), made.key_pem());
    return {path(name + ".pem"), path(name + ".key")};
  }
  KeyPairFiles issue(const std::string& name, const test::CertificateSpec& spec) const {
    return write(name, authority.issue(spec));
  }

  // One certificate for broker.example; asks clients for nothing.
  ServerSettings server_settings() const {
    return {.key_pairs = {issue("server", {.common_name = "broker", .alternative_names = {"DNS:broker.example"}})}};
  }
  ClientSettings client_settings() const {
    return {.trust = {.ca_files = {path("ca.pem")}}, .server_name = "broker.example"};
  }

  test::TestAuthority authority;

 private:
  test::TempDir directory_;
};

// For settings that are right.
inline ServerPointer server_with(const ServerSettings& settings,
                                 std::shared_ptr<const TicketKeys> tickets = std::make_shared<TicketKeys>(),
                                 core::Clock& clock = core::system_clock()) {
  auto context = ServerContext::load(settings, std::move(tickets), clock);
  CHECK(context.has_value());
  return *context;
}
inline ClientPointer client_with(const ClientSettings& settings) {
  auto context = ClientContext::load(settings);
  CHECK(context.has_value());
  return *context;
}

}  // namespace penstock::tls
