#include "core/small_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "core/clock.h"

namespace penstock::core {
namespace {

class OpenFile {
 public:
  // O_NONBLOCK: a name that leads to a pipe must not keep the caller waiting for its other end.
  explicit OpenFile(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  ~OpenFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  int fd() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

Result<FileStamp> stamp_file(const std::string& path) {
  struct stat status;
  if (::stat(path.c_str(), &status) != 0) return system_error(errno, "looking at", path);
  return FileStamp{.device = status.st_dev,
                   .inode = status.st_ino,
                   .bytes = static_cast<uint64_t>(status.st_size),
                   .modified_ns = status.st_mtim.tv_sec * kNsPerSecond + status.st_mtim.tv_nsec};
}

Result<std::string> read_small_file(const std::string& path, size_t bytes_max) {
  const OpenFile file(path);
  if (file.fd() < 0) return system_error(errno, "opening", path);
  struct stat status;
  if (::fstat(file.fd(), &status) != 0) return system_error(errno, "looking at", path);
  if (!S_ISREG(status.st_mode)) return failure(path + ": is no regular file");
  const std::string too_large = path + ": is larger than " + std::to_string(bytes_max) + " bytes";
  if (static_cast<uint64_t>(status.st_size) > bytes_max) return failure(too_large);

  // It may grow while it is read.
  std::string content(static_cast<size_t>(status.st_size) + 1, '\0');
  size_t used = 0;
  for (;;) {
    const ssize_t count = ::read(file.fd(), content.data() + used, content.size() - used);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error(errno, "reading", path);
    if (count == 0) break;
    used += static_cast<size_t>(count);
    if (used > bytes_max) return failure(too_large);
    if (used == content.size()) content.resize(2 * used);
  }
  content.resize(used);
  return content;
}

}  // namespace penstock::core
