#include "tests/support/layered_transport.h"

#include <filesystem>
#include <utility>

#include "core/client_layers.h"
#include "core/random.h"
#include "tests/support/certificate_maker.h"
#include "tls/client_codec.h"
#include "ws/ws_client.h"

namespace penstock::test {
namespace {

bool has_tls(TransportKind kind) {
  return kind == TransportKind::kTls || kind == TransportKind::kWebSocketTls;
}
bool has_web_socket(TransportKind kind) {
  return kind == TransportKind::kWebSocket || kind == TransportKind::kWebSocketTls;
}

class LayeredTransport final : public Transport {
 public:
  LayeredTransport(std::unique_ptr<Transport> below, TransportKind kind)
      : below_(std::move(below)), layers_(layers_of(kind)) {}

  bool open() {
    below_->send(layers_.begin());
    while (!layers_.is_open())
      if (!read(kPatience)) return false;
    return true;
  }

  bool send(std::string_view bytes) override { return !layers_.has_ended() && below_->send(layers_.send(bytes)); }

  Read receive(std::string& inbox, std::chrono::milliseconds patience) override {
    const auto end = std::chrono::steady_clock::now() + patience;
    for (;;) {
      const std::string received = layers_.take_received();
      inbox += received;
      if (!received.empty()) return Read::kBytes;
      if (ended_ || layers_.has_ended()) return Read::kEnd;
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
      // Once it is over, too, it looks: what has come may have been a part that says nothing yet.
      if (!read(std::max(left, std::chrono::milliseconds(0))) && !ended_) return Read::kNothing;
    }
  }

  void close() override { below_->close(); }
  void reset() override { below_->reset(); }
  int socket() const override { return below_->socket(); }

 private:
  // False where nothing has come.
  bool read(std::chrono::milliseconds patience) {
    std::string bytes;
    const Read result = below_->receive(bytes, patience);
    if (result == Read::kEnd) ended_ = true;
    if (result != Read::kBytes) return false;
    const std::string answer = layers_.receive(bytes);
    if (!answer.empty()) below_->send(answer);
    return true;
  }

  std::unique_ptr<Transport> below_;
  core::ClientLayers layers_;
  bool ended_ = false;
};

}  // namespace

core::ClientLayers layers_of(TransportKind kind) {
  static const auto context = tls::ClientContext::load({.insecure = true}).value();
  static core::SeededRandom random(1);
  core::ClientLayers layers;
  if (has_tls(kind)) {
    auto codec = std::make_unique<tls::ClientCodec>(context);
    tls::ClientCodec& its = *codec;
    layers.add(std::move(codec), [&its](core::ByteSink& down) { its.start(down); });
  }
  if (has_web_socket(kind)) {
    auto codec = std::make_unique<ws::WsClientCodec>(ws::ClientRequest{.host = "127.0.0.1"}, random);
    ws::WsClientCodec& its = *codec;
    layers.add(std::move(codec), [&its](core::ByteSink& down) { its.start(down); });
  }
  return layers;
}

std::unique_ptr<Transport> over_layers(std::unique_ptr<Transport> below, TransportKind kind, std::string& error) {
  auto layered = std::make_unique<LayeredTransport>(std::move(below), kind);
  if (error.empty() && !layered->open()) error = std::string("no handshake over ") + name_of(kind);
  return layered;
}

std::string listener_of(TransportKind kind, const std::string& path) {
  if (kind == TransportKind::kTcp) return "mqtt://127.0.0.1:0";
  const std::string url = std::string(name_of(kind)) + "://127.0.0.1:0";
  if (!has_tls(kind)) return url;
  if (!std::filesystem::exists(path + ".pem")) {
    const TestCertificate made = TestAuthority("tests").issue({.alternative_names = {"IP:127.0.0.1"}});
    write_text(path + ".pem", made.certificate_pem());
    write_text(path + ".key", made.key_pem());
  }
  return url + "?cert=" + path + ".pem&key=" + path + ".key";
}

}  // namespace penstock::test
