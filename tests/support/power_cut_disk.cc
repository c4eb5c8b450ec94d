#include "tests/support/power_cut_disk.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <thread>

#include "tests/support/broker_process.h"
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

// A device on this file, that goes when nobody uses it any more. -1 with errno.
int open_loop_device(int image, std::string& path) {
  const int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
  if (control < 0) return -1;
  loop_config config{};
  config.fd = static_cast<uint32_t>(image);
  config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
  int device = -1;
  // Another process may take the free one between the two steps.
  for (int tries = 0; tries < 100 && device < 0; ++tries) {
    path = "/dev/loop" + std::to_string(ioctl(control, LOOP_CTL_GET_FREE));
    device = open(path.c_str(), O_RDWR | O_CLOEXEC);
    if (device < 0 || ioctl(device, LOOP_CONFIGURE, &config) == 0) continue;
    close(device);
    device = -1;
    if (errno != EBUSY) break;
  }
  const int error = errno;
  close(control);
  errno = error;
  return device;
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
  if (reason_ = mount_loop(memory_, lower_, true); !reason_.empty()) return;
  const int image = open(image_path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (image < 0 || ftruncate(image, kUpperBytes) != 0) reason_ = failed(image_path_);
  if (reason_.empty()) reason_ = mount_loop(image, upper_, true);
  if (image >= 0) close(image);
  sync();  // what was made until here is there whenever the power is cut
}

std::string PowerCutDisk::mount_loop(int image, const std::string& at, bool format) {
  std::string path;
  const int device = open_loop_device(image, path);
  if (device < 0) return failed("a loop device");
  std::string result;
  if (format) {
    const Finished made = run_program({kMkfs, "-q", "-f", "-K", path});
    if (made.exit_code != 0) result = "mkfs.xfs: " + made.err;
  }
  if (result.empty() && mount(path.c_str(), at.c_str(), "xfs", 0, nullptr) != 0) result = failed("mounting XFS");
  close(device);
  return result;
}

std::string PowerCutDisk::mount_all() {
  if (std::string result = mount_loop(memory_, lower_, false); !result.empty()) return result;
  const int image = open(image_path_.c_str(), O_RDWR | O_CLOEXEC);
  if (image < 0) return failed(image_path_);
  std::string result = mount_loop(image, upper_, false);
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
