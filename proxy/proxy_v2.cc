// Version 2 of the PROXY header:
//
//   signature (12 bytes) | version (4 bits) command (4 bits) | family (4 bits) protocol (4 bits) | u16 length
//   then `length` bytes: source address, destination address, source port, destination port; then fields, each of them
//   u8 type | u16 length | value. All numbers are big-endian.
#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "core/utf8.h"
#include "proxy/crc32c.h"
#include "proxy/proxy_header.h"

namespace penstock::proxy {
namespace {

using core::Bytes;

constexpr ProxyError kBadVersion{"proxy_bad_header", "the PROXY header is neither version 1 nor 2"};
constexpr ProxyError kBadCommand{"proxy_bad_header", "the PROXY header is neither LOCAL nor PROXY"};
constexpr ProxyError kBadFamily{"proxy_bad_header", "the PROXY header has a reserved address family or protocol"};
constexpr ProxyError kTooLarge{"proxy_too_large", "the PROXY header announces more than 4096 bytes"};
constexpr ProxyError kShortAddresses{"proxy_bad_header", "the PROXY header ends within its addresses"};
constexpr ProxyError kBadField{"proxy_bad_header", "a field of the PROXY header has a wrong length"};
constexpr ProxyError kBadChecksum{"proxy_bad_checksum", "the checksum of the PROXY header is wrong"};
constexpr ProxyError kBadName{"proxy_bad_header", "the certificate's name in the PROXY header is not plain UTF-8"};

constexpr uint8_t kLocal = 0x20;  // version 2 in the high bits
constexpr uint8_t kProxy = 0x21;
constexpr uint8_t kTcp4 = 0x11;
constexpr uint8_t kTcp6 = 0x21;

constexpr uint8_t kChecksumField = 0x03;
constexpr uint8_t kTlsField = 0x20;
constexpr uint8_t kCommonNameField = 0x22;  // within the one before
constexpr size_t kChecksumBytes = 4;
constexpr size_t kTlsFixedBytes = 5;  // u8 client, u32 verify
// Bits of `client`: over TLS; with a certificate, on this connection or on the one whose session it resumes.
constexpr uint8_t kOverTls = 0x01;
constexpr uint8_t kHasCertificate = 0x02 | 0x04;

struct Field {
  uint8_t type;
  Bytes value;
};

// Takes the field at the front of `rest`; false when it reaches past the end.
bool take_field(Bytes& rest, Field& field) {
  if (rest.size() < 3) return false;
  const size_t bytes = core::load_be16(rest.data() + 1);
  if (rest.size() - 3 < bytes) return false;
  field = {std::to_integer<uint8_t>(rest[0]), rest.subspan(3, bytes)};
  rest = rest.subspan(3 + bytes);
  return true;
}

// `value` lies in `header` and counts as zeros there.
const ProxyError* check_checksum(Bytes header, Bytes value) {
  if (value.size() != kChecksumBytes) return &kBadField;
  const auto before = static_cast<size_t>(value.data() - header.data());
  constexpr std::array<std::byte, kChecksumBytes> kZeros{};
  uint32_t crc = crc32c(header.first(before));
  crc = crc32c(kZeros, crc);
  crc = crc32c(header.subspan(before + kChecksumBytes), crc);
  return core::load_be32(value.data()) == crc ? nullptr : &kBadChecksum;
}

// A name that the balancer has not verified is anybody's.
const ProxyError* read_tls(Bytes value, std::string& certificate_name) {
  if (value.size() < kTlsFixedBytes) return &kBadField;
  const auto client = std::to_integer<uint8_t>(value[0]);
  const bool verified =
      (client & kOverTls) != 0 && (client & kHasCertificate) != 0 && core::load_be32(value.data() + 1) == 0;
  Field field;
  for (Bytes rest = value.subspan(kTlsFixedBytes); !rest.empty();) {
    if (!take_field(rest, field)) return &kBadField;
    if (field.type != kCommonNameField || !verified) continue;
    const std::string_view name = core::as_text(field.value);
    const auto is_plain = [](char c) { return static_cast<uint8_t>(c) >= 0x20 && c != 0x7f; };
    if (!core::is_utf8(name) || !std::ranges::all_of(name, is_plain)) return &kBadName;
    certificate_name = name;
  }
  return nullptr;
}

// What we do not know is skipped, as the specification wants it.
const ProxyError* read_fields(Bytes whole, Bytes rest, ProxyHeader& header) {
  Field field;
  while (!rest.empty()) {
    if (!take_field(rest, field)) return &kBadField;
    const ProxyError* error = nullptr;
    if (field.type == kChecksumField) error = check_checksum(whole, field.value);
    if (field.type == kTlsField) error = read_tls(field.value, header.certificate_name);
    if (error != nullptr) return error;
  }
  return nullptr;
}

core::Endpoint endpoint_at(const std::byte* address, int family, const std::byte* port) {
  std::array<char, INET6_ADDRSTRLEN> spelling{};
  inet_ntop(family, address, spelling.data(), spelling.size());
  return {spelling.data(), core::load_be16(port)};
}

// `whole` is the header, all of it, with the command PROXY.
const ProxyError* read_proxy(Bytes whole, uint8_t family, ProxyHeader& header) {
  // UNSPEC, UDP and UNIX name no TCP peer, and where the fields begin in UNSPEC nobody says.
  if (family != kTcp4 && family != kTcp6) return nullptr;
  const Bytes body = whole.subspan(kV2FixedBytes);
  const size_t address_bytes = family == kTcp4 ? sizeof(in_addr) : sizeof(in6_addr);
  const size_t addresses_bytes = 2 * address_bytes + 2 * sizeof(uint16_t);
  if (body.size() < addresses_bytes) return &kShortAddresses;
  header.source = endpoint_at(body.data(), family == kTcp4 ? AF_INET : AF_INET6, body.data() + 2 * address_bytes);
  return read_fields(whole, body.subspan(addresses_bytes), header);
}

// Of the bytes 12 and 13, of which `input` may have only the first or none.
const ProxyError* fixed_error(Bytes input) {
  if (input.size() <= 12) return nullptr;
  const auto version = std::to_integer<uint8_t>(input[12]);
  if (version >> 4 != 2) return &kBadVersion;
  if (version != kLocal && version != kProxy) return &kBadCommand;
  if (input.size() <= 13 || version == kLocal) return nullptr;  // LOCAL: the family does not count
  const auto family = std::to_integer<uint8_t>(input[13]);
  return family >> 4 > 3 || (family & 0x0f) > 2 ? &kBadFamily : nullptr;
}

ProxyParsing fail(const ProxyError* error, ParsedProxy& out) {
  out.error = error;
  return ProxyParsing::kError;
}

}  // namespace

ProxyParsing parse_proxy_v2(Bytes input, ParsedProxy& out) {
  if (const ProxyError* error = fixed_error(input)) return fail(error, out);
  if (input.size() < kV2FixedBytes) return ProxyParsing::kNeedMore;
  const size_t header_bytes = kV2FixedBytes + core::load_be16(input.data() + 14);
  if (header_bytes > kHeaderBytesMax) return fail(&kTooLarge, out);
  if (input.size() < header_bytes) return ProxyParsing::kNeedMore;
  ProxyHeader header;
  if (std::to_integer<uint8_t>(input[12]) == kProxy) {
    const ProxyError* error = read_proxy(input.first(header_bytes), std::to_integer<uint8_t>(input[13]), header);
    if (error != nullptr) return fail(error, out);
  }
  out.header = std::move(header);
  out.header_bytes = header_bytes;
  return ProxyParsing::kHeader;
}

}  // namespace penstock::proxy
