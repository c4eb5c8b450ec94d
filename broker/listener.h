// Listener: one --listen at work: gives the connections that come there their layers. What those need is read from
// files, and read again when they change; connections keep what they were given.
//
// Made and looked after by the main thread; make_transport() is for the shards.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "broker/listener_settings.h"
#include "broker/transport.h"
#include "core/result.h"
#include "tls/certificate_expiry.h"

namespace penstock::tls {
class ReloadingContext;
class TicketKeys;
}  // namespace penstock::tls
namespace penstock::ws {
struct ServerRules;
}

namespace penstock::broker {

class Listener final : public TransportSource {
 public:
  // Reads the files; an error is one line that names the one that is to blame.
  static core::Result<std::unique_ptr<Listener>> open(ListenerSettings settings,
                                                      std::shared_ptr<const tls::TicketKeys> tickets);
  ~Listener();

  const ListenerSettings& settings() const { return settings_; }
  std::unique_ptr<Transport> make_transport() const override;

  // Reads the files again, or only where one has changed. Where one is wrong everything stays as it is. Says so.
  void reload();
  void reload_if_changed();
  // To be told of before they expire.
  void add_certificates(std::vector<tls::CertificateInUse>& all) const;

 private:
  explicit Listener(ListenerSettings settings);
  void report(const core::Status& reloaded) const;

  const ListenerSettings settings_;
  std::shared_ptr<const ws::ServerRules> web_socket_rules_;
  std::unique_ptr<tls::ReloadingContext> tls_;  // null without TLS
};

// All of a broker. One thread.
class Listeners {
 public:
  static core::Result<Listeners> open(std::vector<ListenerSettings> settings);

  const std::vector<std::unique_ptr<Listener>>& all() const { return all_; }
  // Every few seconds: takes what has changed in files, warns of certificates that run out, changes the keys of tickets
  // now and then.
  void watch(int64_t now_s);
  // Now.
  void reload();

 private:
  std::vector<std::unique_ptr<Listener>> all_;
  std::shared_ptr<tls::TicketKeys> tickets_;
  tls::ExpiryWarned warned_;
  int64_t next_rotation_s_ = 0;
};

}  // namespace penstock::broker
