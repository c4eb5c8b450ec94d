#include "tests/support/power_cut_disk.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <thread>

#include "tests/support/loop_mount.h"
#include "tests/support/own_mounts.h"
#include "tests/support/test_client.h"

namespace penstock::test {
namespace {

constexpr const char* kMkfs = "/sbin/mkfs.xfs";
// linux/xfs_fs.h is in no package that a build needs: XFS_IOC_GOINGDOWN, XFS_FSOP_GOING_FLAGS_NOLOGFLUSH.
constexpr unsigned long kGoingDown = _IOR('X', 125, uint32_t);
constexpr uint32_t kWithoutLogFlush = 2;

std::string failed(const std::string& what) {
  return what + ": " + std::strerror(errno);
}

}  // namespace

PowerCutDisk::PowerCutDisk(const std::string& folder) : lower_(folder + "/disk"), upper_(folder + "/mounted") {
  make();
}

PowerCutDisk::~PowerCutDisk() {
  umount2(upper_.c_str(), MNT_DETACH);
  umount2(lower_.c_str(), MNT_DETACH);
  if (memory_ >= 0) close(memory_);
}

void PowerCutDisk::make() {
  if (!std::filesystem::exists(kMkfs)) {
    reason_ = "mkfs.xfs is missing (package xfsprogs)";
    return;
  }
  if (reason_ = enter_own_mounts(); !reason_.empty()) return;
  std::filesystem::create_directories(lower_);
  std::filesystem::create_directories(upper_);
  image_path_ = lower_ + "/image";
  memory_ = memfd_create("penstock-disk", MFD_CLOEXEC);
  if (memory_ < 0 || ftruncate(memory_, kLowerBytes) != 0) {
    reason_ = failed("memory for a disk");
    return;
  }
  if (reason_ = mount_image(memory_, lower_, "xfs", true); !reason_.empty()) return;
  const int image = open(image_path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (image < 0 || ftruncate(image, kUpperBytes) != 0) reason_ = failed(image_path_);
  if (reason_.empty()) reason_ = mount_image(image, upper_, "xfs", true);
  if (image >= 0) close(image);
  sync();  // what was made until here is there whenever the power is cut
}

std::string PowerCutDisk::mount_all() {
  if (std::string result = mount_image(memory_, lower_, "xfs", false); !result.empty()) return result;
  const int image = open(image_path_.c_str(), O_RDWR | O_CLOEXEC);
  if (image < 0) return failed(image_path_);
  std::string result = mount_image(image, upper_, "xfs", false);
  close(image);
  return result;
}

std::string PowerCutDisk::unmount(const std::string& at) {
  // The kernel ends the ring of a killed process behind its back, and its files with it; nothing tells when.
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  while (umount2(at.c_str(), 0) != 0) {
    if (errno != EBUSY || std::chrono::steady_clock::now() > give_up) return failed("unmounting " + at);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return {};
}

void PowerCutDisk::cut() {
  const int root = open(lower_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ASSERT_GE(root, 0) << failed(lower_);
  EXPECT_EQ(ioctl(root, kGoingDown, &kWithoutLogFlush), 0) << failed("shutdown");
  close(root);
}

bool PowerCutDisk::power_on() {
  std::string result = unmount(upper_);
  if (result.empty()) result = unmount(lower_);
  if (result.empty()) result = mount_all();
  EXPECT_EQ(result, "");
  return result.empty();
}

}  // namespace penstock::test
