#include "tests/support/own_mounts.h"

#include <sched.h>
#include <sys/mount.h>

#include <cerrno>
#include <cstring>

namespace penstock::test {
namespace {

std::string needs_root(const char* call) {
  return "mounting needs root: " + std::string(call) + ": " + std::strerror(errno);
}

}  // namespace

std::string enter_own_mounts() {
  static const std::string result = [] {
    if (unshare(CLONE_NEWNS) != 0) return needs_root("unshare");
    if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return needs_root("making mounts private");
    return std::string();
  }();
  return result;
}

}  // namespace penstock::test
