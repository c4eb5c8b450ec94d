// PowerCutDisk: a real file system whose power can be cut. Everything that was not synced is then truly gone: pages
// that the kernel had not written, direct writes that sat in the disk's own cache, names, sizes. It is an XFS on a loop
// device, whose image lies in a second XFS on a loop device in memory. The lower one plays the disk with a volatile
// cache: a write of the upper one stays in the lower one's page cache until the upper one asks for a flush, and a cut
// is the shutdown of the lower one without flushing its log (what `xfs_io -x -c shutdown` does). Shutting down the
// upper one would not do: direct writes into blocks that exist would be in its device already, synced or not.
//
// Needs root and mkfs.xfs. The mounts are in a mount namespace of this process alone, the devices clear themselves and
// the image is memory: nothing stays behind, however the process ends. One thread.
#pragma once

#include <cstdint>
#include <string>

namespace penstock::test {

class PowerCutDisk {
 public:
  // Two mount points are made in the folder.
  explicit PowerCutDisk(const std::string& folder);
  ~PowerCutDisk();
  PowerCutDisk(const PowerCutDisk&) = delete;
  PowerCutDisk& operator=(const PowerCutDisk&) = delete;

  bool ready() const { return reason_.empty(); }
  // Why there is none; empty where there is.
  const std::string& reason() const { return reason_; }
  const std::string& path() const { return upper_; }

  // From here on nothing reaches the disk and every sync fails, as does reading what is in no cache.
  void cut();
  // Mounts again what is left. Whoever had files open must be dead. False: reported as a failure of the running test.
  bool power_on();

 private:
  static constexpr uint64_t kLowerBytes = 704u << 20;
  static constexpr uint64_t kUpperBytes = 512u << 20;

  void make();
  // "" or what failed.
  std::string mount_all();
  std::string unmount(const std::string& at);

  const std::string lower_;
  const std::string upper_;
  std::string image_path_;
  int memory_ = -1;
  std::string reason_;
};

}  // namespace penstock::test
