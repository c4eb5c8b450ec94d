// ListenerSettings: every part of a URL, and one line for each that is wrong.
#include "broker/listener_settings.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace penstock::broker {
namespace {

std::string error_of(std::string_view text) {
  const auto parsed = parse_listener(text);
  return parsed.has_value() ? "(no error)" : parsed.error().message;
}

ListenerSettings parsed(std::string_view text) {
  auto settings = parse_listener(text);
  EXPECT_TRUE(settings.has_value()) << settings.error().message;
  return settings.value_or(ListenerSettings());
}

TEST(ListenerSettings, each_scheme_has_its_port) {
  EXPECT_EQ(to_string(parsed("mqtt://127.0.0.1")), "mqtt://127.0.0.1:1883");
  EXPECT_EQ(to_string(parsed("mqtts://[::1]?cert=c&key=k")), "mqtts://[::1]:8883");
  EXPECT_EQ(to_string(parsed("ws://localhost")), "ws://localhost:8083/mqtt");
  EXPECT_EQ(to_string(parsed("wss://localhost/?cert=c&key=k")), "wss://localhost:8084/");
}

TEST(ListenerSettings, address_and_path_are_as_they_are_given) {
  const ListenerSettings settings = parsed("ws://[2001:db8::1]:80/iot/mqtt");
  EXPECT_EQ(settings.scheme, ListenerScheme::kWs);
  EXPECT_EQ(settings.endpoint.host, "2001:db8::1");
  EXPECT_EQ(settings.endpoint.port, 80);
  EXPECT_EQ(settings.path, "/iot/mqtt");
  EXPECT_TRUE(settings.has_web_socket());
  EXPECT_FALSE(settings.has_tls());
  EXPECT_EQ(to_string(parsed("mqtt://127.0.0.1:0")), "mqtt://127.0.0.1:0");
}

TEST(ListenerSettings, parameters_are_taken) {
  const ListenerSettings settings = parsed(
      "wss://0.0.0.0:443/mqtt?cert=rsa.pem&key=rsa.key&cert=ec%26.pem&key=ec.key&ca=ca.pem&crl=crl.pem&verify=optional"
      "&proxy=v2&origin=https://a.example&origin=https://b.example:8080");
  ASSERT_EQ(settings.certificates.size(), 2u);
  EXPECT_EQ(settings.certificates[0].key, "rsa.key");
  EXPECT_EQ(settings.certificates[1].certificate, "ec&.pem");
  EXPECT_EQ(settings.ca, "ca.pem");
  EXPECT_EQ(settings.crl, "crl.pem");
  EXPECT_EQ(settings.verify, ClientCertificate::kOptional);
  EXPECT_EQ(settings.proxy, ProxyHeader::kV2);
  EXPECT_EQ(settings.origins, (std::vector<std::string>{"https://a.example", "https://b.example:8080"}));
  EXPECT_FALSE(settings.is_authenticated());
  EXPECT_TRUE(parsed("mqtts://h?cert=c&key=k&ca=a&verify=require").is_authenticated());
  EXPECT_EQ(parsed("mqtt://h?proxy=any").proxy, ProxyHeader::kAny);
  EXPECT_EQ(parsed("mqtts://h?cert=c&key=k&verify=none").verify, ClientCertificate::kNone);
}

TEST(ListenerSettings, loopback_is_known) {
  for (const char* text : {"mqtt://127.0.0.1", "mqtt://127.9.9.9:1", "ws://[::1]", "mqtt://localhost"})
    EXPECT_TRUE(parsed(text).is_loopback()) << text;
  for (const char* text : {"mqtt://0.0.0.0", "mqtt://[::]", "ws://192.168.1.5", "mqtt://example.com"})
    EXPECT_FALSE(parsed(text).is_loopback()) << text;
}

TEST(ListenerSettings, what_is_wrong_is_named) {
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"nonsense", "does not begin with mqtt://"},
      {"http://127.0.0.1:1", "does not begin with mqtt://"},
      {"mqtt://", "host"},
      {"mqtt://:1883", "host"},
      {"mqtt://a b", "host"},
      {"mqtt://127.0.0.1:", "port"},
      {"mqtt://127.0.0.1:66000", "port"},
      {"mqtt://127.0.0.1:-1", "port"},
      {"mqtt://::1:1883", "host"},
      {"mqtt://[::1:1883", "bracket"},
      {"mqtt://[x]:1883", "IPv6"},
      {"mqtt://[::1]1883", "port"},
      {"mqtt://127.0.0.1:1/x", "path"},
      {"ws://127.0.0.1/a b", "path"},
      {"ws://127.0.0.1/a#b", "path"},
      {"mqtt://127.0.0.1?colour=red", "unknown parameter \"colour\""},
      {"mqtt://127.0.0.1?proxy", "without a value"},
      {"mqtt://127.0.0.1?", "without a value"},
      {"mqtt://127.0.0.1?proxy=", "empty proxy"},
      {"mqtt://127.0.0.1?proxy=v3", "v1, v2 or any"},
      {"mqtt://127.0.0.1?proxy=v1&proxy=v2", "twice"},
      {"mqtt://127.0.0.1?cert=c", "mqtts:// or wss://"},
      {"ws://127.0.0.1?verify=none", "mqtts:// or wss://"},
      {"mqtt://127.0.0.1?origin=https://a", "ws:// or wss://"},
      {"mqtts://127.0.0.1", "needs ?cert=FILE&key=FILE"},
      {"mqtts://127.0.0.1?cert=c", "1 cert and 0 key"},
      {"mqtts://127.0.0.1?key=k&key=l&cert=c", "1 cert and 2 key"},
      {"mqtts://127.0.0.1?cert=c&key=k&verify=always", "none, optional or require"},
      {"mqtts://127.0.0.1?cert=c&key=k&verify=require", "needs ca=FILE"},
      {"mqtts://127.0.0.1?cert=c&key=k&verify=optional", "needs ca=FILE"},
      {"mqtts://127.0.0.1?cert=c&key=k&ca=a", "needs verify="},
      {"mqtts://127.0.0.1?cert=c&key=k&crl=l", "needs ca=FILE"},
      {"mqtts://127.0.0.1?cert=c&key=k&ca=a&ca=b&verify=require", "twice"},
      {"mqtts://127.0.0.1?cert=%", "%"},
      {"mqtts://127.0.0.1?cert=%4", "%"},
      {"mqtts://127.0.0.1?cert=%4x", "%"},
      {"mqtts://127.0.0.1?cert=%00", "%"},
  };
  for (const auto& [text, why] : wrong) {
    const std::string error = error_of(text);
    EXPECT_EQ(error.find("\"" + text + "\" "), 0u) << error;
    EXPECT_NE(error.find(why, text.size() + 2), std::string::npos) << error;
  }
}

}  // namespace
}  // namespace penstock::broker
