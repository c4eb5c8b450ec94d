#include "proxy/proxy_header.h"

#include <gtest/gtest.h>

#include <vector>

#include "proxy/crc32c.h"
#include "tests/proxy/balancer.h"

namespace penstock::proxy {
namespace {

const core::Endpoint kClient4{"192.0.2.77", 56'324};
const core::Endpoint kServer4{"198.51.100.1", 1883};
const core::Endpoint kClient6{"2001:db8::1:2", 65'535};
const core::Endpoint kServer6{"::1", 0};

ProxyParsing parse(std::string_view bytes, ParsedProxy& out, ProxyVersion version = ProxyVersion::kAny) {
  // A copy of exactly this size, so that ASan sees a read past the end.
  const std::vector<char> exact(bytes.begin(), bytes.end());
  return parse_proxy_header(core::as_bytes({exact.data(), exact.size()}), version, out);
}

// The header that `bytes` begin with, which is as long as they are.
ProxyHeader parsed(std::string_view bytes, ProxyVersion version = ProxyVersion::kAny) {
  ParsedProxy out;
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(parse(bytes.substr(0, size), out, version), ProxyParsing::kNeedMore) << size << " of " << bytes;
  }
  EXPECT_EQ(parse(std::string(bytes) + "\x10\x0c", out, version), ProxyParsing::kHeader) << bytes;
  EXPECT_EQ(out.header_bytes, bytes.size()) << bytes;
  return out.header;
}

std::string error_of(std::string_view bytes, ProxyVersion version = ProxyVersion::kAny) {
  ParsedProxy out;
  return parse(bytes, out, version) == ProxyParsing::kError ? out.error->reason : "(no error)";
}

TEST(proxy_header, reads_version_1) {
  const ProxyHeader v4 = parsed(proxied_v1(kClient4, kServer4));
  EXPECT_EQ(to_string(v4.source), "192.0.2.77:56324");
  EXPECT_EQ(v4.certificate_name, "");
  EXPECT_EQ(to_string(parsed(proxied_v1(kClient6, kServer6)).source), "[2001:db8::1:2]:65535");
  const std::string longest =
      "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
  ASSERT_EQ(longest.size(), 104u);  // the 107 are the longest UNKNOWN
  EXPECT_EQ(parsed(longest).source.port, 65'535);
}

TEST(proxy_header, writes_an_address_of_version_1_in_the_one_usual_way) {
  const std::string line = "PROXY TCP6 2001:0DB8:0:0:0:0:0:1 ::1 1 2\r\n";
  EXPECT_EQ(parsed(line).source.host, "2001:db8::1");
}

TEST(proxy_header, unknown_of_version_1_names_nobody) {
  EXPECT_EQ(parsed("PROXY UNKNOWN\r\n").source.host, "");
  EXPECT_EQ(parsed("PROXY UNKNOWN ffff::1 any thing 65535 x\r\n").source.host, "");
  EXPECT_EQ(parsed("PROXY UNKNOWN " + std::string(107 - 16, 'x') + "\r\n").source.host, "");
}

TEST(proxy_header, refuses_a_line_of_version_1_without_end) {
  EXPECT_EQ(error_of("PROXY UNKNOWN " + std::string(107 - 15, 'x') + "\r\n"), "proxy_bad_header");
  EXPECT_EQ(error_of("PROXY TCP4 " + std::string(96, '1')), "proxy_bad_header");
  EXPECT_EQ(error_of("PROXY TCP4 " + std::string(95, '1')), "(no error)");
}

TEST(proxy_header, refuses_malformed_lines) {
  for (const char* line : {
           "PROXY \r\n",
           "PROXY TCP4\r\n",
           "PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\n",
           "PROXY tcp4 192.0.2.1 192.0.2.2 1 2\r\n",
           "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n",
           "PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n",
           "PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n",
           "PROXY TCP4 192.0.2.1 192.0.2.2 1 \r\n",
           "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n",
           "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n",
           "PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n",
           "PROXY TCP4 192.0.2.1 192.0.2.2 99999 1\r\n",
           "PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n",
           "PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n",
           "PROXY TCP4 192.0.2.1 192.0.2.2 -1 2\r\n",
           "PROXY TCP4 192.0.2.1 192.0.2.2 100000 2\r\n",
           "PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n",
           "PROXY TCP4 192.0.2 192.0.2.2 1 2\r\n",
           "PROXY TCP4 192.0.2.01 192.0.2.2 1 2\r\n",
           "PROXY TCP4 ::1 ::1 1 2\r\n",
           "PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n",
           "PROXY TCP6 ::1%eth0 ::1 1 2\r\n",
           "PROXY TCP6 [::1] ::1 1 2\r\n",
           "PROXY TCP6 ::1::2 ::1 1 2\r\n",
       }) {
    EXPECT_EQ(error_of(line), "proxy_bad_header") << line;
  }
  using namespace std::string_view_literals;
  EXPECT_EQ(error_of("PROXY TCP4 192.0.2.1\0 192.0.2.2 1 2\r\n"sv), "proxy_bad_header");
}

TEST(proxy_header, reads_version_2) {
  EXPECT_EQ(to_string(parsed(proxied_v2(kClient4, kServer4)).source), "192.0.2.77:56324");
  EXPECT_EQ(to_string(parsed(proxied_v2(kClient6, kServer6)).source), "[2001:db8::1:2]:65535");
}

// Written by hand from the specification, 2.2.
TEST(proxy_header, golden_bytes_of_version_2) {
  using namespace std::string_view_literals;
  const auto bytes =
      "\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a"
      "\x21\x11\x00\x0c"
      "\x7f\x00\x00\x01\x0a\x00\x00\x02\x30\x39\x07\x5b"sv;
  ASSERT_EQ(bytes.size(), 28u);
  EXPECT_EQ(to_string(parsed(bytes).source), "127.0.0.1:12345");
}

TEST(proxy_header, a_balancer_that_speaks_for_itself_names_nobody) {
  EXPECT_EQ(parsed(header_v2(0x20, 0x00, "")).source.host, "");
  const std::string body(12, '\1');
  EXPECT_EQ(parsed(header_v2(0x20, 0x11, body + "no fields")).source.host, "");
  EXPECT_EQ(parsed(header_v2(0x20, 0xff, body)).source.host, "");  // its family does not count
}

TEST(proxy_header, other_families_name_nobody) {
  EXPECT_EQ(parsed(header_v2(0x21, 0x00, "anything")).source.host, "");
  EXPECT_EQ(parsed(header_v2(0x21, 0x12, std::string(12, '\1'))).source.host, "");
  EXPECT_EQ(parsed(header_v2(0x21, 0x31, std::string(216, '\1'))).source.host, "");
}

TEST(proxy_header, refuses_what_is_reserved_in_version_2_at_its_byte) {
  EXPECT_EQ(error_of(signature_v2() + "\x11"), "proxy_bad_header");
  EXPECT_EQ(error_of(signature_v2() + "\x31"), "proxy_bad_header");
  EXPECT_EQ(error_of(signature_v2() + "\x22"), "proxy_bad_header");
  EXPECT_EQ(error_of(signature_v2() + "\x21\x41"), "proxy_bad_header");
  EXPECT_EQ(error_of(signature_v2() + "\x21\x13"), "proxy_bad_header");
}

TEST(proxy_header, refuses_addresses_that_are_cut) {
  EXPECT_EQ(error_of(header_v2(0x21, 0x11, std::string(11, '\1'))), "proxy_bad_header");
  EXPECT_EQ(error_of(header_v2(0x21, 0x21, std::string(35, '\1'))), "proxy_bad_header");
  EXPECT_EQ(error_of(header_v2(0x21, 0x11, "")), "proxy_bad_header");
}

TEST(proxy_header, takes_4096_bytes_behind_the_fixed_ones_and_refuses_more_at_the_length) {
  const std::string fields = field(0x30, std::string(4'096 - 12 - 3, 'n'));
  const std::string largest = proxied_v2(kClient4, kServer4, fields);
  ASSERT_EQ(largest.size(), kHeaderBytesMax);
  ParsedProxy out;
  EXPECT_EQ(parse(largest, out), ProxyParsing::kHeader);
  EXPECT_EQ(error_of(signature_v2() + "\x21\x11" + be16(4'097)), "proxy_too_large");
  EXPECT_EQ(error_of(signature_v2() + "\x20\x11\xff\xff"), "proxy_too_large");
}

TEST(proxy_header, skips_fields_that_it_does_not_know) {
  const std::string fields = field(0x01, "mqtt") + field(0x02, "broker.example") + field(0x04, std::string(10, '\0')) +
                             field(0xee, "") + field(0x30, "netns");
  EXPECT_EQ(parsed(proxied_v2(kClient4, kServer4, fields)).source.host, "192.0.2.77");
}

TEST(proxy_header, refuses_fields_that_reach_past_the_end) {
  const std::string whole = field(0x02, "broker.example");
  for (size_t size = 1; size < whole.size(); ++size) {
    EXPECT_EQ(error_of(proxied_v2(kClient4, kServer4, whole.substr(0, size))), "proxy_bad_header") << size;
  }
}

TEST(proxy_header, a_checksum_has_to_be_right_wherever_it_stands) {
  const std::string zeros = field(0x03, std::string(4, '\0'));
  const std::string last = with_checksum(proxied_v2(kClient4, kServer4, field(0x01, "mqtt") + zeros));
  EXPECT_EQ(parsed(last).source.host, "192.0.2.77");
  const std::string header = proxied_v2(kClient6, kServer6, zeros + field(0x01, "mqtt"));
  std::string first = header;
  first.replace(16 + 36 + 3, 4, be32(slow_crc32c(header)));
  EXPECT_EQ(parsed(first).source.host, "2001:db8::1:2");
  for (size_t at = 0; at < last.size(); ++at) {
    std::string flipped = last;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x04);
    ParsedProxy out;
    const bool shows = parse(flipped, out) != ProxyParsing::kHeader;
    // In its type, it is a field that nobody knows.
    EXPECT_EQ(shows, at != last.size() - 7) << at;
  }
  EXPECT_EQ(error_of(proxied_v2(kClient4, kServer4, zeros)), "proxy_bad_checksum");
  EXPECT_EQ(error_of(proxied_v2(kClient4, kServer4, field(0x03, "abc"))), "proxy_bad_header");
  EXPECT_EQ(error_of(proxied_v2(kClient4, kServer4, field(0x03, "abcde"))), "proxy_bad_header");
}

TEST(proxy_header, crc32c_of_the_rfc) {
  // RFC 3720, B.4
  EXPECT_EQ(crc32c(core::as_bytes(std::string(32, '\0'))), 0x8a9136aau);
  EXPECT_EQ(crc32c(core::as_bytes(std::string(32, '\xff'))), 0x62a8ab43u);
  EXPECT_EQ(crc32c(core::as_bytes("123456789")), 0xe3069283u);
  EXPECT_EQ(crc32c(core::as_bytes("456789"), crc32c(core::as_bytes("123"))), 0xe3069283u);
  EXPECT_EQ(crc32c({}), 0u);
}

std::string tls_field(uint8_t client, uint32_t verify, std::string_view fields) {
  return field(0x20, std::string(1, static_cast<char>(client)) + be32(verify) + std::string(fields));
}

TEST(proxy_header, gives_the_name_of_a_certificate_that_the_balancer_has_verified) {
  const auto name_in = [](const std::string& tls) {
    return parsed(proxied_v2(kClient4, kServer4, tls)).certificate_name;
  };
  const std::string names = field(0x21, "TLSv1.3") + field(0x22, "m\xc3\xbcller") + field(0x23, "cipher");
  EXPECT_EQ(name_in(tls_field(0x03, 0, names)), "m\xc3\xbcller");
  EXPECT_EQ(name_in(tls_field(0x05, 0, names)), "m\xc3\xbcller");
  EXPECT_EQ(name_in(tls_field(0x01, 0, names)), "");  // no certificate
  EXPECT_EQ(name_in(tls_field(0x02, 0, names)), "");  // no TLS
  EXPECT_EQ(name_in(tls_field(0x03, 1, names)), "");  // not verified
  EXPECT_EQ(name_in(tls_field(0x03, 0, "")), "");
}

TEST(proxy_header, refuses_malformed_fields_about_tls) {
  for (const std::string& tls : {field(0x20, ""), field(0x20, "\x01" + be16(0)), tls_field(0x03, 0, "\x22"),
                                 tls_field(0x03, 0, std::string("\x22\x00\x05name", 7)), tls_field(0, 0, "\x22"),
                                 tls_field(0x03, 0, field(0x22, "a\nb")), tls_field(0x03, 0, field(0x22, "\xff"))}) {
    EXPECT_EQ(error_of(proxied_v2(kClient4, kServer4, tls)), "proxy_bad_header");
  }
}

TEST(proxy_header, only_the_version_that_is_wanted_counts) {
  const std::string v1 = proxied_v1(kClient4, kServer4);
  const std::string v2 = proxied_v2(kClient4, kServer4);
  EXPECT_EQ(parsed(v1, ProxyVersion::kV1).source.host, "192.0.2.77");
  EXPECT_EQ(parsed(v2, ProxyVersion::kV2).source.host, "192.0.2.77");
  EXPECT_EQ(error_of(v2, ProxyVersion::kV1), "proxy_no_header");
  EXPECT_EQ(error_of(v1, ProxyVersion::kV2), "proxy_no_header");
  EXPECT_EQ(error_of("\r", ProxyVersion::kV1), "proxy_no_header");
  EXPECT_EQ(error_of("P", ProxyVersion::kV2), "proxy_no_header");
}

TEST(proxy_header, whatever_else_comes_is_refused_at_the_first_byte_that_shows_it) {
  for (const char* text : {"\x10", "\x16\x03", "GET ", "PR0", "PROXYTCP4", "\r\n\r\n\r", "proxy "}) {
    EXPECT_EQ(error_of(text), "proxy_no_header") << text;
  }
}

}  // namespace
}  // namespace penstock::proxy
