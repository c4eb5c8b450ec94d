#include "bench/layers.h"

#include "tls/client_codec.h"
#include "ws/ws_client.h"

namespace penstock::bench {
namespace {

template <typename Codec, typename... Arguments>
Codec& add(core::ClientLayers& stack, Arguments&&... arguments) {
  auto codec = std::make_unique<Codec>(std::forward<Arguments>(arguments)...);
  Codec& added = *codec;
  stack.add(std::move(codec), [&added](core::ByteSink& down) { added.start(down); });
  return added;
}

tls::ClientSettings client_settings(const Settings& s) {
  tls::ClientSettings client{.insecure = s.tls.ca.empty(), .application_protocols = {"mqtt"}};
  if (s.target.web_socket) client.application_protocols = {"http/1.1"};
  if (!s.tls.ca.empty()) {
    client.trust.ca_files = {s.tls.ca};
    client.server_name = s.target.host;
  }
  if (!s.tls.cert.empty()) client.key_pair = {.certificate = s.tls.cert, .key = s.tls.key};
  if (s.tls.version == "1.2") client.version_max = tls::TlsVersion::kTls12;
  if (s.tls.version == "1.3") client.version_min = tls::TlsVersion::kTls13;
  return client;
}

}  // namespace

TlsSession Layers::session() const {
  return tls_ == nullptr ? nullptr : tls_->session();
}

bool Layers::is_resumed() const {
  return tls_ != nullptr && tls_->state() == core::StreamState::kOpen && tls_->is_resumed();
}

core::Result<LayerSource> LayerSource::load(const Settings& settings) {
  LayerSource source;
  source.url_ = settings.target;
  source.resumes_ = settings.tls.resume;
  if (settings.version == protocol::ProtocolVersion::kMqtt31) source.subprotocol_ = "mqttv3.1";
  if (settings.target.tls) {
    ASSIGN_OR_RETURN(source.context_, tls::ClientContext::load(client_settings(settings)));
  }
  return source;
}

std::unique_ptr<Layers> LayerSource::make(core::Random& masks, const TlsSession& resumed) const {
  if (context_ == nullptr && !url_.web_socket) return nullptr;
  auto layers = std::make_unique<Layers>();
  if (context_ != nullptr) layers->tls_ = &add<tls::ClientCodec>(layers->stack, context_, resumed);
  if (url_.web_socket) {
    ws::ClientRequest request{
        .host = url_.host + ":" + std::to_string(url_.port), .path = url_.path, .protocol = subprotocol_};
    add<ws::WsClientCodec>(layers->stack, std::move(request), masks);
  }
  return layers;
}

}  // namespace penstock::bench
