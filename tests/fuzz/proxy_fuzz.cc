// Fuzzes the PROXY header. Laws: no read past the input; what is said of a prefix holds for every longer input; however
// the bytes are cut, the codec ends the same and lets the same bytes pass; an accepted address, written again by a
// balancer in either version, is read as the same one.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/check.h"
#include "core/utf8.h"
#include "proxy/proxy_codec.h"
#include "tests/proxy/balancer.h"

namespace penstock::proxy {
namespace {

using core::Bytes;
using core::StreamState;

struct Kept final : core::ByteSink {
  void take(Bytes bytes) override { text.append(core::as_text(bytes)); }
  std::string text;
};

ProxyParsing parse(Bytes input, ProxyVersion version, ParsedProxy& out) {
  const std::vector<std::byte> exact(input.begin(), input.end());
  const ProxyParsing parsing = parse_proxy_header(exact, version, out);
  if (parsing == ProxyParsing::kHeader) CHECK_LE(out.header_bytes, exact.size());
  if (parsing == ProxyParsing::kNeedMore) CHECK_LT(exact.size(), kHeaderBytesMax);
  if (parsing == ProxyParsing::kError) CHECK(out.error->reason[0] != '\0' && out.error->text[0] != '\0');
  return parsing;
}

void check_prefixes(Bytes input, ProxyVersion version) {
  ParsedProxy whole;
  const ProxyParsing end = parse(input, version, whole);
  for (size_t size = 0; size < input.size() && size < 300; ++size) {
    ParsedProxy part;
    const ProxyParsing parsing = parse(input.first(size), version, part);
    if (parsing == ProxyParsing::kNeedMore) continue;
    CHECK(parsing == end);
    if (end == ProxyParsing::kError) CHECK_EQ(part.error, whole.error);
    if (end == ProxyParsing::kHeader) CHECK_EQ(part.header_bytes, whole.header_bytes);
  }
}

void check_header(const ProxyHeader& header) {
  CHECK(core::is_utf8(header.certificate_name));
  if (header.source.host.empty()) return;
  for (const std::string& text : {proxied_v1(header.source, header.source), proxied_v2(header.source, header.source)}) {
    ParsedProxy again;
    CHECK(parse(core::as_bytes(text), ProxyVersion::kAny, again) == ProxyParsing::kHeader);
    CHECK_EQ(again.header_bytes, text.size());
    CHECK_EQ(again.header.source.host, header.source.host);
    CHECK_EQ(again.header.source.port, header.source.port);
  }
}

struct Ending {
  StreamState state;
  std::string up;
  std::string reason;

  bool operator==(const Ending&) const = default;
};

Ending run(Bytes input, ProxyVersion version, size_t piece_bytes) {
  ProxyCodec codec(version);
  Kept up;
  Kept down;
  while (!input.empty() && codec.state() != StreamState::kFailed) {
    const size_t size = std::min(piece_bytes, input.size());
    const std::vector<std::byte> piece(input.begin(), input.begin() + static_cast<ptrdiff_t>(size));
    codec.received(piece, up, down);
    input = input.subspan(size);
  }
  CHECK(down.text.empty());
  if (codec.state() == StreamState::kOpen) check_header(codec.header());
  return {codec.state(), up.text, codec.failure().reason};
}

}  // namespace
}  // namespace penstock::proxy

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace penstock::proxy;
  if (size < 1) return 0;
  const auto version = static_cast<ProxyVersion>(data[0] % 3);
  const Bytes input(reinterpret_cast<const std::byte*>(data + 1), size - 1);
  check_prefixes(input, version);
  const Ending whole = run(input, version, SIZE_MAX);
  CHECK(run(input, version, 1) == whole);
  CHECK(run(input, version, 19) == whole);
  return 0;
}
