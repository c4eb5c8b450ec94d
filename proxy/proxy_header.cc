// Telling the versions apart, and version 1.
#include "proxy/proxy_header.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <optional>

namespace penstock::proxy {
namespace {

constexpr ProxyError kNoHeader{"proxy_no_header", "the connection does not begin with a PROXY header of this version"};
constexpr ProxyError kLongLine{"proxy_bad_header", "the PROXY line has more than 107 bytes"};
constexpr ProxyError kBadLine{"proxy_bad_header", "the PROXY line is malformed"};
constexpr ProxyError kBadAddress{"proxy_bad_header", "the PROXY line has a malformed address or port"};

ProxyParsing fail(const ProxyError* error, ParsedProxy& out) {
  out.error = error;
  return ProxyParsing::kError;
}

// As far as it goes.
bool agrees(std::string_view input, std::string_view signature) {
  const size_t bytes = std::min(input.size(), signature.size());
  return input.substr(0, bytes) == signature.substr(0, bytes);
}

// The word at the front of `rest`; exactly one blank lies between words.
std::string_view take_word(std::string_view& rest) {
  const size_t end = rest.find(' ');
  const std::string_view word = rest.substr(0, end);
  rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
  return word;
}

// As inet_ntop writes it, so that one address has one spelling.
std::optional<std::string> parse_address(std::string_view text, int family) {
  std::array<char, INET6_ADDRSTRLEN> spelling{};
  if (text.empty() || text.size() >= spelling.size() || text.find('\0') != text.npos) return std::nullopt;
  std::ranges::copy(text, spelling.begin());
  std::array<std::byte, sizeof(in6_addr)> address;
  if (inet_pton(family, spelling.data(), address.data()) != 1) return std::nullopt;
  inet_ntop(family, address.data(), spelling.data(), spelling.size());
  return spelling.data();
}

// Decimal, without needless zeros.
std::optional<uint16_t> parse_port(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] == '0' && text.size() > 1)) return std::nullopt;
  uint32_t port = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    port = 10 * port + static_cast<uint32_t>(c - '0');
  }
  if (port > UINT16_MAX) return std::nullopt;
  return static_cast<uint16_t>(port);
}

// "TCP4 192.0.2.1 192.0.2.2 56324 1883"; null when it is right.
const ProxyError* parse_line(std::string_view rest, core::Endpoint& source) {
  const std::string_view protocol = take_word(rest);
  if (protocol == "UNKNOWN") return nullptr;  // whatever follows does not count
  if (protocol != "TCP4" && protocol != "TCP6") return &kBadLine;
  const int family = protocol == "TCP4" ? AF_INET : AF_INET6;
  const auto host = parse_address(take_word(rest), family);
  const auto to_host = parse_address(take_word(rest), family);
  const auto port = parse_port(take_word(rest));
  const auto to_port = parse_port(rest);
  if (!host || !to_host || !port || !to_port) return &kBadAddress;
  source = {*host, *port};
  return nullptr;
}

}  // namespace

ProxyParsing parse_proxy_header(core::Bytes input, ProxyVersion version, ParsedProxy& out) {
  if (input.empty()) return ProxyParsing::kNeedMore;
  const std::string_view text = core::as_text(input);
  if (version != ProxyVersion::kV2 && agrees(text, kV1Signature)) return parse_proxy_v1(input, out);
  if (version != ProxyVersion::kV1 && agrees(text, kV2Signature)) return parse_proxy_v2(input, out);
  return fail(&kNoHeader, out);
}

ProxyParsing parse_proxy_v1(core::Bytes input, ParsedProxy& out) {
  const std::string_view window = core::as_text(input).substr(0, kV1BytesMax);
  const size_t end = window.find('\n');
  if (end == window.npos) {
    return window.size() < kV1BytesMax ? ProxyParsing::kNeedMore : fail(&kLongLine, out);
  }
  if (end < kV1Signature.size() || window[end - 1] != '\r') return fail(&kBadLine, out);
  ProxyHeader header;
  const std::string_view rest = window.substr(kV1Signature.size(), end - 1 - kV1Signature.size());
  if (const ProxyError* error = parse_line(rest, header.source)) return fail(error, out);
  out.header = std::move(header);
  out.header_bytes = end + 1;
  return ProxyParsing::kHeader;
}

}  // namespace penstock::proxy
