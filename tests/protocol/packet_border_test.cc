#include "protocol/packet_border.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace penstock::protocol {
namespace {

// PINGRESP; a body of one byte; lengths of two, three and four bytes.
std::vector<std::string> packets() {
  using namespace std::string_literals;
  return {"\xd0\0"s,
          "\x30\x01x"s,
          "\x30\x80\x01"s + std::string(128, 'a'),
          "\x30\x80\x80\x01"s + std::string(16'384, 'b'),
          "\x30\x80\x80\x80\x01"s + std::string(2'097'152, 'c'),
          "\xd0\0"s};
}

TEST(PacketBorder, lies_behind_each_packet_whatever_the_pieces) {
  std::string stream;
  for (const std::string& packet : packets()) stream += packet;
  for (const size_t piece_bytes : {size_t{1}, size_t{2}, size_t{3}, size_t{100}, size_t{16'000}, stream.size()}) {
    PacketBorder border;
    std::vector<size_t> ends;  // of all that was taken together
    for (size_t at = 0; at < stream.size(); at += piece_bytes) {
      core::Bytes piece = core::as_bytes(stream).subspan(at, std::min(piece_bytes, stream.size() - at));
      size_t end = at;
      while (!piece.empty()) {
        const size_t taken = border.take(piece);
        ASSERT_GT(taken, 0u);
        piece = piece.subspan(taken);
        ends.push_back(end += taken);
      }
    }
    // Every packet ends where something was cut, and nothing is cut but there and at the end of a piece.
    size_t packet_end = 0;
    for (const std::string& packet : packets()) {
      packet_end += packet.size();
      EXPECT_TRUE(std::ranges::binary_search(ends, packet_end)) << piece_bytes;
      std::erase(ends, packet_end);
    }
    for (const size_t end : ends) EXPECT_EQ(end % piece_bytes, 0u);
  }
}

}  // namespace
}  // namespace penstock::protocol
