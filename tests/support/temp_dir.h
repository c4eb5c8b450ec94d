// TempDir: a folder of its own for one test, under $TMPDIR or /tmp, removed with all that is in it when the owner goes.
// Kept where PENSTOCK_KEEP_TEMP is set, for looking at what a failed test left. Any thread.
#pragma once

#include <string>

namespace penstock::test {

class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace penstock::test
