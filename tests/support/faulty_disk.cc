#include "tests/support/faulty_disk.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/support/own_mounts.h"
#include "tests/support/test_client.h"

namespace penstock::test {
namespace {

constexpr size_t kCommandBytes = 128;

}  // namespace

FaultyDisk::FaultyDisk(const std::string& folder, bool refuses_direct)
    : folder_(folder + "/real"), mounted_(folder + "/mounted"), control_(folder + "/control") {
  const std::string program = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "penstock-faulty-fs";
  if (!std::filesystem::exists(program)) {
    reason_ = "penstock-faulty-fs is not built (package libfuse3-dev)";
  } else if (!std::filesystem::exists("/dev/fuse")) {
    reason_ = "there is no /dev/fuse";
  } else {
    reason_ = enter_own_mounts();
  }
  if (!reason_.empty()) return;
  for (const std::string& path : {folder_, mounted_}) std::filesystem::create_directories(path);
  std::ofstream(control_).close();
  pid_ = fork();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int log = open((folder + "/stderr").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    dup2(log, STDERR_FILENO);
    execl(program.c_str(), program.c_str(), folder_.c_str(), control_.c_str(), mounted_.c_str(),
          refuses_direct ? "refuse-direct" : nullptr, nullptr);
    _exit(127);
  }
  if (!await_mount()) reason_ = "FUSE does not mount here";
}

FaultyDisk::~FaultyDisk() {
  if (pid_ <= 0) return;
  umount2(mounted_.c_str(), MNT_DETACH);
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

// Until the mount point lies on another device than what is around it.
bool FaultyDisk::await_mount() {
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  struct stat outside{};
  struct stat inside{};
  stat(control_.c_str(), &outside);
  while (std::chrono::steady_clock::now() < give_up && waitpid(pid_, nullptr, WNOHANG) == 0) {
    if (stat(mounted_.c_str(), &inside) == 0 && inside.st_dev != outside.st_dev) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

void FaultyDisk::fail(const std::string& what, const std::string& where) {
  command(where.empty() ? what : what + ' ' + where);
}

void FaultyDisk::hang() {
  EXPECT_EQ(kill(pid_, SIGSTOP), 0);
}

// In one write of fixed size: nobody reads half a command.
void FaultyDisk::command(const std::string& text) {
  std::string bytes = text + '\n';
  bytes.resize(kCommandBytes, '\n');
  const int file = open(control_.c_str(), O_WRONLY | O_CLOEXEC);
  EXPECT_EQ(pwrite(file, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  close(file);
}

}  // namespace penstock::test
