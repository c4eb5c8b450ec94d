// Sec-WebSocket-Key and Sec-WebSocket-Accept: how a client knows that it speaks with a WebSocket server and not with
// something that repeats what it reads (RFC 6455, 1.3). No secret is in it.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace penstock::ws {

// Base64 of 16 bytes.
bool is_websocket_key(std::string_view key);
std::string make_websocket_key(const std::array<std::byte, 16>& bytes);
// The answer to a key.
std::string websocket_accept(std::string_view key);

}  // namespace penstock::ws
