#include "tests/support/loop_mount.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "tests/support/broker_process.h"

namespace penstock::test {
namespace {

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

std::string format_device(const std::string& device, const std::string& type) {
  const std::string mkfs = "/sbin/mkfs." + type;
  if (!std::filesystem::exists(mkfs)) return mkfs + " is missing (package xfsprogs or e2fsprogs)";
  std::vector<std::string> command{mkfs, "-q"};
  if (type == "xfs") command.insert(command.end(), {"-f", "-K"});
  command.push_back(device);
  const Finished made = run_program(command);
  return made.exit_code == 0 ? "" : mkfs + ": " + made.err;
}

}  // namespace

std::string mount_image(int image, const std::string& at, const std::string& type, bool format) {
  std::string path;
  const int device = open_loop_device(image, path);
  if (device < 0) return failed("a loop device");
  std::string result = format ? format_device(path, type) : "";
  if (result.empty() && mount(path.c_str(), at.c_str(), type.c_str(), 0, nullptr) != 0) {
    result = failed("mounting " + type);
  }
  close(device);
  return result;
}

}  // namespace penstock::test
