// What a connection costs while it is idle.
#include <gtest/gtest.h>
#include <malloc.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/tls/tls_pair.h"

namespace penstock::tls {
namespace {

constexpr size_t kConnections = 64;
constexpr size_t kBytesMax = 12u << 10;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kCanMeasure = false;  // their allocator is another one
#else
constexpr bool kCanMeasure = true;
#endif

size_t allocated_bytes() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

class MemoryTest : public testing::TestWithParam<TlsVersion> {
 protected:
  // A server's end that has opened, and the rest of whose pair is gone. With `traffic`, bytes have gone both ways.
  std::unique_ptr<ServerCodec> open_server(const ClientPointer& context, ClientSession& session, bool traffic) {
    ClientCodec client(context, session);
    auto server = std::make_unique<ServerCodec>(server_context);
    TextSink up, to_server, to_client;
    client.start(to_server);
    for (int turn = 0; turn < 4; ++turn) {
      server->received(core::as_bytes(std::exchange(to_server.text, {})), up, to_client);
      client.received(core::as_bytes(std::exchange(to_client.text, {})), up, to_server);
    }
    if (traffic) {
      client.send(core::as_bytes(std::string(100'000, 'x')), to_server);
      server->received(core::as_bytes(to_server.text), up, to_client);
      server->send(core::as_bytes(std::string(100'000, 'x')), to_client);
    }
    EXPECT_EQ(server->state(), core::StreamState::kOpen);
    EXPECT_EQ(server->is_resumed(), session != nullptr);
    session = client.session();
    return server;
  }

  // `sessions` are resumed where they are there, and are the newest ones then.
  size_t bytes_each(std::vector<ClientSession>& sessions, bool traffic) {
    std::vector<std::unique_ptr<ServerCodec>> servers(kConnections);
    for (size_t i = 0; i < kConnections; ++i) {
      const ClientPointer client = client_with(settings_of_client(i));
      servers[i] = open_server(client, sessions[i], traffic);
    }
    // The clients are gone, and their certificates with them: within one process both ends would hold the same bytes.
    const size_t with_servers = allocated_bytes();
    servers.clear();
    return (with_servers - allocated_bytes()) / kConnections;
  }

  void measure(const char* what) {
    if (!kCanMeasure) GTEST_SKIP() << "the allocator of a sanitizer is another one";
    std::vector<ClientSession> sessions(kConnections);
    const size_t idle = bytes_each(sessions, false);
    const size_t resumed = bytes_each(sessions, false);
    std::vector<ClientSession> no_sessions(kConnections);
    const size_t after_traffic = bytes_each(no_sessions, true);
    std::printf("%s: %zu bytes idle, %zu after 100 KB both ways, %zu resumed\n", what, idle, after_traffic, resumed);
    EXPECT_LE(idle, kBytesMax);
    EXPECT_LE(resumed, kBytesMax);
    EXPECT_LE(after_traffic, idle + 128);
  }

  // Each client has a certificate of its own.
  ClientSettings settings_of_client(size_t index) const {
    ClientSettings settings = files.client_settings();
    settings.version_min = settings.version_max = GetParam();
    settings.key_pair = {files.path(std::to_string(index) + ".pem"), files.path(std::to_string(index) + ".key")};
    return settings;
  }

  void make_contexts(ClientCertificate client_certificate) {
    ServerSettings settings = files.server_settings();
    settings.client_certificate = client_certificate;
    settings.trust.ca_files = {files.path("ca.pem")};
    server_context = server_with(settings);
    const test::TestAuthority intermediate("Test intermediate", &files.authority);
    for (size_t i = 0; i < kConnections; ++i) {
      const std::string name = "sensor-" + std::to_string(i);
      files.write(std::to_string(i),
                  intermediate.issue({.common_name = name,
                                      .alternative_names = {"DNS:" + name + ".example"},
                                      .usage = test::TestUsage::kClient,
                                      .key = test::TestKey::kRsa2048}),
                  intermediate.pem());
    }
  }

  TlsFiles files;
  ServerPointer server_context;
};

TEST_P(MemoryTest, an_idle_connection_takes_less_than_12_KiB) {
  make_contexts(ClientCertificate::kNone);
  measure("no client certificate");
}

TEST_P(MemoryTest, an_idle_connection_with_a_client_certificate_takes_less_than_12_KiB) {
  make_contexts(ClientCertificate::kRequired);
  measure("client certificate of RSA 2048 and an intermediate authority");
}

INSTANTIATE_TEST_SUITE_P(Versions, MemoryTest, testing::Values(TlsVersion::kTls12, TlsVersion::kTls13),
                         [](const auto& version) { return version.param == TlsVersion::kTls12 ? "tls12" : "tls13"; });

}  // namespace
}  // namespace penstock::tls
