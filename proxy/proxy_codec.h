// ProxyCodec: takes the PROXY header off the front of a connection; from then on bytes pass as they are. Holds at most
// one header, and only while it is cut. Once open it does nothing any more: whoever drives it may take the header and
// leave it out of the connection.
#pragma once

#include <vector>

#include "core/stream_codec.h"
#include "proxy/proxy_header.h"

namespace penstock::proxy {

class ProxyCodec final : public core::StreamCodec {
 public:
  explicit ProxyCodec(ProxyVersion version) : version_(version) {}

  core::StreamState received(core::Bytes bytes, core::ByteSink& up, core::ByteSink& down) override;
  core::StreamState send(core::Bytes bytes, core::ByteSink& down) override;
  // The PROXY protocol has no word for it.
  void finish(core::ByteSink& down) override;

  core::StreamState state() const override { return state_; }
  const core::StreamFailure& failure() const override { return failure_; }

  const ProxyHeader& header() const { return header_; }  // once state() is kOpen

 private:
  core::StreamState open(core::Bytes& bytes);

  ProxyVersion version_;
  core::StreamState state_ = core::StreamState::kOpening;
  std::vector<std::byte> held_;  // of a header that is cut
  ProxyHeader header_;
  core::StreamFailure failure_;
};

}  // namespace penstock::proxy
