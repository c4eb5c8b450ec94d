#include "broker/listener.h"

#include <utility>

#include "core/diagnostics.h"
#include "proxy/proxy_codec.h"
#include "tls/reloading_context.h"
#include "tls/server_codec.h"
#include "tls/server_context.h"
#include "tls/ticket_keys.h"
#include "ws/ws_codec.h"

namespace penstock::broker {
namespace {

// A client may come back with its ticket for half a day at least.
constexpr int64_t kRotationS = 12 * 3600;

proxy::ProxyVersion version_of(ProxyHeader header) {
  if (header == ProxyHeader::kV1) return proxy::ProxyVersion::kV1;
  return header == ProxyHeader::kV2 ? proxy::ProxyVersion::kV2 : proxy::ProxyVersion::kAny;
}

tls::ClientCertificate client_certificate_of(ClientCertificate verify) {
  if (verify == ClientCertificate::kNone) return tls::ClientCertificate::kNone;
  return verify == ClientCertificate::kOptional ? tls::ClientCertificate::kOptional : tls::ClientCertificate::kRequired;
}

tls::ServerSettings tls_settings_of(const ListenerSettings& settings) {
  tls::ServerSettings tls;
  for (const CertificateFiles& files : settings.certificates) tls.key_pairs.push_back({files.certificate, files.key});
  if (!settings.ca.empty()) tls.trust.ca_files.push_back(settings.ca);
  if (!settings.crl.empty()) tls.trust.crl_files.push_back(settings.crl);
  tls.client_certificate = client_certificate_of(settings.verify);
  tls.protocol = settings.has_web_socket() ? tls::UpperProtocol::kHttp : tls::UpperProtocol::kMqtt;
  return tls;
}

}  // namespace

Listener::Listener(ListenerSettings settings) : settings_(std::move(settings)) {
  if (settings_.has_web_socket())
    web_socket_rules_ =
        std::make_shared<ws::ServerRules>(ws::ServerRules{.path = settings_.path, .origins = settings_.origins});
}

Listener::~Listener() = default;

core::Result<std::unique_ptr<Listener>> Listener::open(ListenerSettings settings,
                                                       std::shared_ptr<const tls::TicketKeys> tickets) {
  std::unique_ptr<Listener> listener(new Listener(std::move(settings)));
  if (!listener->settings_.has_tls()) return listener;
  auto context = tls::ReloadingContext::load(tls_settings_of(listener->settings_), std::move(tickets));
  if (!context) return core::failure(to_string(listener->settings_) + ": " + context.error().message);
  listener->tls_ = *std::move(context);
  return listener;
}

void Listener::reload() {
  if (tls_ != nullptr) report(tls_->reload());
}

void Listener::reload_if_changed() {
  if (tls_ == nullptr) return;
  const core::Result<bool> changed = tls_->reload_if_changed();
  if (!changed)
    report(std::unexpected(changed.error()));
  else if (*changed)
    report({});
}

void Listener::report(const core::Status& reloaded) const {
  const std::string name = to_string(settings_);
  if (reloaded)
    core::log_line(core::LogLevel::kInfo, name + ": certificates were read again");
  else
    core::log_line(core::LogLevel::kWarning,
                   name + ": the certificates of before stay in use: " + reloaded.error().message);
}

void Listener::add_certificates(std::vector<tls::CertificateInUse>& all) const {
  if (tls_ == nullptr) return;
  const auto context = tls_->current();
  all.insert(all.end(), context->certificates().begin(), context->certificates().end());
}

std::unique_ptr<Transport> Listener::make_transport() const {
  TransportLayers layers;
  if (settings_.proxy != ProxyHeader::kNone) {
    auto codec = std::make_unique<proxy::ProxyCodec>(version_of(settings_.proxy));
    layers.proxy = codec.get();
    layers.add(std::move(codec));
  }
  if (settings_.has_tls()) {
    auto codec = std::make_unique<tls::ServerCodec>(tls_->current());
    layers.costly = layers.tls = codec.get();
    layers.add(std::move(codec));
  }
  if (settings_.has_web_socket()) {
    // Several packets in one frame would be as good [MQTT-6.0.0-2] [MQTT5-6.0.0-2], but Paho C does not look at what is
    // behind the first one before more comes from the network.
    layers.packets_apart = true;
    layers.add(std::make_unique<ws::WsCodec>(web_socket_rules_));
  }
  return layers.count == 0 ? nullptr : std::make_unique<Transport>(std::move(layers));
}

core::Result<Listeners> Listeners::open(std::vector<ListenerSettings> settings) {
  Listeners listeners;
  listeners.tickets_ = std::make_shared<tls::TicketKeys>();
  for (ListenerSettings& each : settings) {
    ASSIGN_OR_RETURN(auto listener, Listener::open(std::move(each), listeners.tickets_));
    listeners.all_.push_back(std::move(listener));
  }
  return listeners;
}

void Listeners::watch(int64_t now_s) {
  std::vector<tls::CertificateInUse> certificates;
  for (auto& listener : all_) {
    listener->reload_if_changed();
    listener->add_certificates(certificates);
  }
  for (const tls::ExpiryWarning& warning : tls::expiry_warnings(now_s, certificates, warned_))
    core::log_line(core::LogLevel::kWarning, to_string(warning));
  if (now_s < next_rotation_s_) return;
  if (next_rotation_s_ != 0) tickets_->rotate();  // those of the start are new
  next_rotation_s_ = now_s + kRotationS;
}

void Listeners::reload() {
  for (auto& listener : all_) listener->reload();
}

}  // namespace penstock::broker
