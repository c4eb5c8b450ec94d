// Golden bytes: files of tests/golden as text, bytes in hex with "# ..." comments. They pin what is on people's disks:
// when one of these tests fails, the format changed and needs a new version, not a new golden file.
#pragma once

#include <cctype>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "core/bytes.h"

namespace penstock::log {

inline std::vector<std::byte> golden_bytes(const std::string& name) {
  std::ifstream file(std::filesystem::path(PENSTOCK_SOURCE_DIR) / "tests/golden" / name);
  std::vector<std::byte> bytes;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    for (std::string word; words >> word;) bytes.push_back(static_cast<std::byte>(std::stoul(word, nullptr, 16)));
  }
  return bytes;
}

inline std::string as_hex(core::Bytes bytes) {
  std::string hex;
  for (size_t i = 0; i < bytes.size(); ++i) {
    constexpr char kDigits[] = "0123456789abcdef";
    hex.push_back(kDigits[std::to_integer<unsigned>(bytes[i]) >> 4]);
    hex.push_back(kDigits[std::to_integer<unsigned>(bytes[i]) & 15]);
    hex.push_back(i % 16 == 15 ? '\n' : ' ');
  }
  return hex;
}

}  // namespace penstock::log
