// What TLS costs: handshakes, whole connections of both ends made and thrown away, and bytes through one that is open.
// The client's share is in it; a server alone costs a little more than half of a full handshake. Run: penstock-micro
// --benchmark_filter=tls
#include <benchmark/benchmark.h>

#include <memory>
#include <string>

#include "tests/tls/tls_pair.h"

namespace penstock::tls {
namespace {

enum Kind : int64_t { kFullEc, kFullRsa, kMutual, kResumed, kResumedMutual };

struct Ends {
  Ends(Kind kind, TlsVersion version) {
    ServerSettings settings{.key_pairs = {files.issue("server", {.common_name = "broker",
                                                                 .alternative_names = {"DNS:broker.example"},
                                                                 .key = kind == kFullRsa ? test::TestKey::kRsa2048
                                                                                         : test::TestKey::kEcP256})}};
    ClientSettings client_settings = files.client_settings();
    client_settings.version_min = client_settings.version_max = version;
    if (kind == kMutual || kind == kResumedMutual) {
      settings.client_certificate = ClientCertificate::kRequired;
      settings.trust.ca_files = {files.path("ca.pem")};
      client_settings.key_pair = files.issue("client", {.common_name = "c", .usage = test::TestUsage::kClient});
    }
    server = server_with(settings);
    client = client_with(client_settings);
    if (kind != kResumed && kind != kResumedMutual) return;
    TlsPair pair(server, client);
    pair.run();
    session = pair.client.session();
  }

  TlsFiles files;
  ServerPointer server;
  ClientPointer client;
  ClientSession session;
};

void tls_handshake(benchmark::State& state) {
  const Ends ends(static_cast<Kind>(state.range(0)), state.range(1) == 2 ? TlsVersion::kTls12 : TlsVersion::kTls13);
  for (auto _ : state) {
    TlsPair pair(ends.server, ends.client, ends.session);
    pair.run();
    if (!pair.is_open() || pair.server.is_resumed() != (ends.session != nullptr)) {
      state.SkipWithError("the handshake was another one");
      return;
    }
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(tls_handshake)
    ->ArgNames({"kind", "tls1."})
    ->ArgsProduct({{kFullEc, kFullRsa, kMutual, kResumed, kResumedMutual}, {2, 3}});

// The client's part of a handshake is left out of the time.
void tls_server_handshake(benchmark::State& state) {
  const Ends ends(static_cast<Kind>(state.range(0)), state.range(1) == 2 ? TlsVersion::kTls12 : TlsVersion::kTls13);
  TextSink up, to_server, to_client;
  for (auto _ : state) {
    state.PauseTiming();
    ClientCodec client(ends.client, ends.session);
    client.start(to_server);
    state.ResumeTiming();
    auto server = std::make_unique<ServerCodec>(ends.server);
    while (!to_server.text.empty()) {
      server->received(core::as_bytes(to_server.text), up, to_client);
      state.PauseTiming();
      to_server.text.clear();
      client.received(core::as_bytes(to_client.text), up, to_server);
      to_client.text.clear();
      state.ResumeTiming();
    }
    server.reset();
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(tls_server_handshake)
    ->ArgNames({"kind", "tls1."})
    ->ArgsProduct({{kFullEc, kFullRsa, kMutual, kResumed, kResumedMutual}, {2, 3}});

struct NoSink final : core::ByteSink {
  void take(core::Bytes bytes) override { count += bytes.size(); }
  size_t count = 0;
};

// Bytes that a server sends, as they go to the socket; records of 16 KiB where there is enough.
void tls_send(benchmark::State& state) {
  const Ends ends(kFullEc, TlsVersion::kTls13);
  TlsPair pair(ends.server, ends.client);
  pair.run();
  const std::string text(static_cast<size_t>(state.range(0)), 'x');
  NoSink down;
  for (auto _ : state) pair.server.send(core::as_bytes(text), down);
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(tls_send)->Arg(64)->Arg(1024)->Arg(16 << 10)->Arg(64 << 10);

// The other way: in records of so many bytes, as many as fit into a receive buffer of 64 KiB.
void tls_receive(benchmark::State& state) {
  const Ends ends(kFullEc, TlsVersion::kTls13);
  TlsPair pair(ends.server, ends.client);
  pair.run();
  const std::string text(static_cast<size_t>(state.range(0)), 'x');
  NoSink up, down;
  for (auto _ : state) {
    state.PauseTiming();
    pair.to_server.text.clear();
    while (pair.to_server.text.size() + text.size() < 64 << 10) pair.client.send(core::as_bytes(text), pair.to_server);
    state.ResumeTiming();
    pair.server.received(core::as_bytes(pair.to_server.text), up, down);
  }
  state.SetBytesProcessed(static_cast<int64_t>(up.count));
}
BENCHMARK(tls_receive)->Arg(64)->Arg(1024)->Arg(16 << 10);

}  // namespace
}  // namespace penstock::tls
