#include "proxy/proxy_codec.h"

#include <algorithm>
#include <utility>

namespace penstock::proxy {

using core::StreamState;

StreamState ProxyCodec::received(core::Bytes bytes, core::ByteSink& up, core::ByteSink&) {
  if (state_ == StreamState::kOpening) state_ = open(bytes);
  if (state_ == StreamState::kOpen && !bytes.empty()) up.take(bytes);
  return state_;
}

// Takes what belongs to the header from the front of `bytes`.
StreamState ProxyCodec::open(core::Bytes& bytes) {
  const size_t held_bytes = held_.size();
  core::Bytes input = bytes;
  if (held_bytes != 0) {
    const core::Bytes added = bytes.first(std::min(bytes.size(), kHeaderBytesMax - held_bytes));
    held_.insert(held_.end(), added.begin(), added.end());
    input = held_;
  }
  ParsedProxy parsed;
  switch (parse_proxy_header(input, version_, parsed)) {
    case ProxyParsing::kNeedMore:
      if (held_bytes == 0) held_.assign(bytes.begin(), bytes.end());
      bytes = {};
      return StreamState::kOpening;
    case ProxyParsing::kError:
      failure_ = {parsed.error->reason, parsed.error->text};
      return StreamState::kFailed;
    case ProxyParsing::kHeader:
      break;
  }
  header_ = std::move(parsed.header);
  // What was held was no whole header, so it ends in `bytes`.
  bytes = bytes.subspan(parsed.header_bytes - held_bytes);
  std::vector<std::byte>().swap(held_);  // an assignment would keep its memory
  return StreamState::kOpen;
}

StreamState ProxyCodec::send(core::Bytes bytes, core::ByteSink& down) {
  if (state_ == StreamState::kOpen && !bytes.empty()) down.take(bytes);
  return state_;
}

void ProxyCodec::finish(core::ByteSink&) {}

}  // namespace penstock::proxy
