#include "broker/listener_settings.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <optional>
#include <span>

#include "core/settings.h"

namespace penstock::broker {
namespace {

using core::failure;
using core::Result;
using core::Status;

struct Scheme {
  ListenerScheme scheme;
  std::string_view prefix;
  uint16_t port;  // registered with IANA, or what the field has agreed on
};
constexpr Scheme kSchemes[] = {
    {ListenerScheme::kMqtt, "mqtt://", 1883},
    {ListenerScheme::kMqtts, "mqtts://", 8883},
    {ListenerScheme::kWs, "ws://", 8083},
    {ListenerScheme::kWss, "wss://", 8084},
};

constexpr const char* kProxyChoices[] = {"v1", "v2", "any"};
constexpr const char* kVerifyChoices[] = {"none", "optional", "require"};

// Takes the part up to the first of `ends` off the front.
std::string_view take_until(std::string_view& text, std::string_view ends) {
  const std::string_view part = text.substr(0, std::min(text.find_first_of(ends), text.size()));
  text.remove_prefix(part.size());
  return part;
}

std::optional<int> hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

// "%26" for an "&" in a file's name.
std::optional<std::string> percent_decoded(std::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const auto high = hex_digit(text[i + 1]), low = hex_digit(text[i + 2]);
    if (!high || !low || (*high == 0 && *low == 0)) return std::nullopt;
    decoded += static_cast<char>(*high * 16 + *low);
    i += 2;
  }
  return decoded;
}

template <typename Enum>
Status choose(std::string_view name, const std::string& value, std::span<const char* const> choices, int first,
              Enum& chosen) {
  std::string all;
  for (size_t i = 0; i < choices.size(); ++i) {
    if (value == choices[i]) {
      chosen = static_cast<Enum>(static_cast<int>(i) + first);
      return {};
    }
    all += (i == 0 ? "" : i + 1 == choices.size() ? " or " : ", ") + std::string(choices[i]);
  }
  return failure("has " + std::string(name) + "=" + value + "; it may be " + all);
}

// The rest of an address behind its scheme.
Status parse_endpoint(std::string_view text, core::Endpoint& endpoint) {
  const bool in_brackets = text.starts_with('[');
  if (in_brackets) {
    text.remove_prefix(1);
    endpoint.host = take_until(text, "]");
    if (text.empty()) return failure("lacks a closing bracket");
    text.remove_prefix(1);
    in6_addr v6;
    if (inet_pton(AF_INET6, endpoint.host.c_str(), &v6) != 1) return failure("has no IPv6 address in its brackets");
  } else {
    endpoint.host = take_until(text, ":");
    if (endpoint.host.empty()) return failure("lacks a host");
    if (endpoint.host.find_first_of("@[] ") != std::string::npos) return failure("has no valid host");
  }
  if (text.empty()) return {};
  const std::string_view port = text.substr(1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
  if (text[0] != ':' || error != std::errc() || end != port.data() + port.size())
    return failure("has no port from 0 to 65535 (IPv6 needs brackets)");
  return {};
}

// What is given once at most.
Status set_once(std::string_view name, const std::string& value, std::string& target) {
  if (!target.empty()) return failure("gives " + std::string(name) + " twice");
  target = value;
  return {};
}

// Parameters as they come, before they are looked at together.
struct Parameters {
  std::vector<std::string> certificates;
  std::vector<std::string> keys;
  std::string verify;
  std::string proxy;
};

Status set_parameter(std::string_view name, const std::string& value, ListenerSettings& settings, Parameters& given) {
  const bool is_tls = name == "cert" || name == "key" || name == "ca" || name == "crl" || name == "verify";
  if (is_tls && !settings.has_tls()) return failure("has " + std::string(name) + ", which needs mqtts:// or wss://");
  if (name == "origin" && !settings.has_web_socket()) return failure("has origin, which needs ws:// or wss://");
  if (value.empty()) return failure("has an empty " + std::string(name));
  if (name == "cert") return given.certificates.push_back(value), Status();
  if (name == "key") return given.keys.push_back(value), Status();
  if (name == "origin") return settings.origins.push_back(value), Status();
  if (name == "ca") return set_once(name, value, settings.ca);
  if (name == "crl") return set_once(name, value, settings.crl);
  if (name == "verify") return set_once(name, value, given.verify);
  if (name == "proxy") return set_once(name, value, given.proxy);
  return failure("has an unknown parameter " + core::quoted_text(name) +
                 "; there are cert, key, ca, crl, verify, proxy and origin");
}

// What only all of them together show.
Status combine(const Parameters& given, ListenerSettings& settings) {
  if (!given.proxy.empty()) RETURN_IF_ERROR(choose("proxy", given.proxy, kProxyChoices, 1, settings.proxy));
  if (!given.verify.empty()) RETURN_IF_ERROR(choose("verify", given.verify, kVerifyChoices, 0, settings.verify));
  if (!settings.has_tls()) return {};
  if (given.certificates.empty() && given.keys.empty()) return failure("needs ?cert=FILE&key=FILE");
  if (given.certificates.size() != given.keys.size())
    return failure("has " + std::to_string(given.certificates.size()) + " cert and " +
                   std::to_string(given.keys.size()) + " key; they go in pairs");
  for (size_t i = 0; i < given.keys.size(); ++i)
    settings.certificates.push_back({given.certificates[i], given.keys[i]});
  const bool verifies = settings.verify != ClientCertificate::kNone;
  if (verifies && settings.ca.empty()) return failure("has verify=" + given.verify + ", which needs ca=FILE");
  if (!verifies && !settings.ca.empty()) return failure("has ca, which needs verify=optional or verify=require");
  if (!settings.crl.empty() && settings.ca.empty()) return failure("has crl, which needs ca=FILE");
  return {};
}

Status parse_parameters(std::string_view text, ListenerSettings& settings) {
  Parameters given;
  while (!text.empty()) {
    text.remove_prefix(1);  // "?" or "&"
    std::string_view value = take_until(text, "&");
    const std::string_view name = take_until(value, "=");
    if (value.empty()) return failure("has a parameter " + core::quoted_text(name) + " without a value");
    const auto decoded = percent_decoded(value.substr(1));
    if (!decoded.has_value()) return failure("has a % in " + std::string(name) + " that no two hex digits follow");
    RETURN_IF_ERROR(set_parameter(name, *decoded, settings, given));
  }
  return combine(given, settings);
}

Status parse_path(std::string_view text, ListenerSettings& settings) {
  if (text.empty()) return {};
  if (!settings.has_web_socket()) return failure("has a path, which needs ws:// or wss://");
  const auto is_printable = [](char c) { return c > ' ' && c < '\x7f' && c != '#'; };
  if (!std::ranges::all_of(text, is_printable)) return failure("has no valid path");
  settings.path = text;
  return {};
}

Status parse_all(std::string_view text, ListenerSettings& settings) {
  const auto has_prefix = [&](const Scheme& each) { return text.starts_with(each.prefix); };
  const auto* scheme = std::ranges::find_if(kSchemes, has_prefix);
  if (scheme == std::end(kSchemes)) return failure("does not begin with mqtt://, mqtts://, ws:// or wss://");
  settings.scheme = scheme->scheme;
  settings.endpoint.port = scheme->port;
  text.remove_prefix(scheme->prefix.size());
  RETURN_IF_ERROR(parse_endpoint(take_until(text, "/?"), settings.endpoint));
  RETURN_IF_ERROR(parse_path(take_until(text, "?"), settings));
  return parse_parameters(text, settings);
}

}  // namespace

bool ListenerSettings::is_loopback() const {
  in_addr v4;
  in6_addr v6;
  if (inet_pton(AF_INET, endpoint.host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  if (inet_pton(AF_INET6, endpoint.host.c_str(), &v6) == 1) return IN6_IS_ADDR_LOOPBACK(&v6);
  return endpoint.host == "localhost";
}

Result<ListenerSettings> parse_listener(std::string_view text) {
  ListenerSettings settings;
  const Status status = parse_all(text, settings);
  if (!status) return failure(core::quoted_text(text) + " " + status.error().message);
  return settings;
}

std::string to_string(const ListenerSettings& settings) {
  const std::string_view prefix = kSchemes[static_cast<size_t>(settings.scheme)].prefix;
  return std::string(prefix) + core::to_string(settings.endpoint) +
         (settings.has_web_socket() ? settings.path : std::string());
}

}  // namespace penstock::broker
