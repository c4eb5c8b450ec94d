#include "tests/support/temp_dir.h"

#include <stdlib.h>

#include <filesystem>
#include <iostream>

#include "core/check.h"

namespace penstock::test {

TempDir::TempDir() {
  const char* root = getenv("TMPDIR");
  path_ = std::string(root != nullptr ? root : "/tmp") + "/penstock-test-XXXXXX";
  CHECK(mkdtemp(path_.data()) != nullptr);
}

TempDir::~TempDir() {
  if (getenv("PENSTOCK_KEEP_TEMP") != nullptr) {
    std::cerr << "kept " << path_ << '\n';
    return;
  }
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace penstock::test
