// FaultyDisk: a folder behind a file system of our own (tests/faulty_fs) that answers EIO on command. One thread.
// Needs root, /dev/fuse, and a build that found libfuse3. Nothing stays mounted, however the process ends.
#pragma once

#include <sys/types.h>

#include <string>

namespace penstock::test {

class FaultyDisk {
 public:
  // With `refuses_direct` nothing can be opened with O_DIRECT, as on some file systems.
  FaultyDisk(const std::string& folder, bool refuses_direct);
  ~FaultyDisk();
  FaultyDisk(const FaultyDisk&) = delete;
  FaultyDisk& operator=(const FaultyDisk&) = delete;

  bool ready() const { return reason_.empty(); }
  // Why there is none; empty where there is.
  const std::string& reason() const { return reason_; }
  const std::string& path() const { return mounted_; }

  // From the next operation on these fail: letters of "wsr" for writes, syncs, reads, "h" for writes that hang; only of
  // files that have `where` in their path.
  void fail(const std::string& what, const std::string& where = "");
  void heal() { command(""); }
  // It answers nothing any more.
  void hang();

 private:
  bool await_mount();
  void command(const std::string& text);

  const std::string folder_;
  const std::string mounted_;
  const std::string control_;
  pid_t pid_ = -1;
  std::string reason_;
};

}  // namespace penstock::test
