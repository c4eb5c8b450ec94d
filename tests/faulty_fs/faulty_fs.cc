// A FUSE file system that passes everything through to a folder, and fails on command with EIO: a disk that goes bad.
//
//   penstock-faulty-fs FOLDER CONTROL MOUNTPOINT [refuse-direct]
//
// CONTROL is a file that is looked at before each operation: letters for what fails, then a blank and a text: only
// files with that text in their path. "w": writes; "s": syncs, and writes into files that are opened with O_DSYNC,
// after their bytes have gone to the folder; "r": reads; "h": writes hang until that is over. Empty: all is well. With
// refuse-direct no file can be opened with O_DIRECT.
#define FUSE_USE_VERSION 312
#include <dirent.h>
#include <fcntl.h>
#include <fuse.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>

namespace {

std::string folder;
int control = -1;
bool refuses_direct = false;

std::string real(const char* path) {
  return folder + path;
}

int result_of(int result) {
  return result < 0 ? -errno : result;
}

bool fails(char what, const char* path) {
  char text[128];
  const ssize_t bytes = pread(control, text, sizeof text, 0);
  std::string_view command(text, bytes > 0 ? static_cast<size_t>(bytes) : 0);
  command = command.substr(0, command.find('\n'));
  const size_t blank = command.find(' ');
  if (command.substr(0, blank).find(what) == std::string_view::npos) return false;
  return blank == std::string_view::npos ||
         std::string_view(path).find(command.substr(blank + 1)) != std::string_view::npos;
}

int get_attributes(const char* path, struct stat* status, fuse_file_info*) {
  return result_of(lstat(real(path).c_str(), status));
}

int make_directory(const char* path, mode_t mode) {
  return result_of(mkdir(real(path).c_str(), mode));
}

int remove_directory(const char* path) {
  return result_of(rmdir(real(path).c_str()));
}

int remove_file(const char* path) {
  return result_of(unlink(real(path).c_str()));
}

int rename_file(const char* from, const char* to, unsigned flags) {
  if (flags != 0) return -EINVAL;
  return result_of(rename(real(from).c_str(), real(to).c_str()));
}

int read_directory(const char* path, void* buffer, fuse_fill_dir_t fill, off_t, fuse_file_info*, fuse_readdir_flags) {
  DIR* const directory = opendir(real(path).c_str());
  if (directory == nullptr) return -errno;
  while (const dirent* entry = readdir(directory)) fill(buffer, entry->d_name, nullptr, 0, fuse_fill_dir_flags{});
  closedir(directory);
  return 0;
}

int open_with(const char* path, int flags, mode_t mode, fuse_file_info* file) {
  if (refuses_direct && (flags & O_DIRECT) != 0) return -EINVAL;
  // The requests come in buffers that are not aligned.
  const int opened = open(real(path).c_str(), (flags & ~O_DIRECT) | O_CLOEXEC, mode);
  if (opened < 0) return -errno;
  file->fh = static_cast<uint64_t>(opened);
  return 0;
}

int open_file(const char* path, fuse_file_info* file) {
  return open_with(path, file->flags, 0, file);
}

int create_file(const char* path, mode_t mode, fuse_file_info* file) {
  return open_with(path, file->flags | O_CREAT, mode, file);
}

int release_file(const char*, fuse_file_info* file) {
  return result_of(close(static_cast<int>(file->fh)));
}

int read_file(const char* path, char* into, size_t bytes, off_t offset, fuse_file_info* file) {
  if (fails('r', path)) return -EIO;
  return result_of(static_cast<int>(pread(static_cast<int>(file->fh), into, bytes, offset)));
}

int write_file(const char* path, const char* from, size_t bytes, off_t offset, fuse_file_info* file) {
  while (fails('h', path)) usleep(1000);
  if (fails('w', path)) return -EIO;
  const int opened = static_cast<int>(file->fh);
  const int written = result_of(static_cast<int>(pwrite(opened, from, bytes, offset)));
  const bool syncs = (fcntl(opened, F_GETFL) & O_DSYNC) != 0;
  return syncs && fails('s', path) ? -EIO : written;
}

int sync_file(const char* path, int data_only, fuse_file_info* file) {
  if (fails('s', path)) return -EIO;
  const int opened = static_cast<int>(file->fh);
  return result_of(data_only != 0 ? fdatasync(opened) : fsync(opened));
}

int sync_directory(const char* path, int, fuse_file_info*) {
  return fails('s', path) ? -EIO : 0;
}

int allocate(const char*, int mode, off_t offset, off_t bytes, fuse_file_info* file) {
  return result_of(fallocate(static_cast<int>(file->fh), mode, offset, bytes));
}

int resize(const char* path, off_t bytes, fuse_file_info* file) {
  return result_of(file != nullptr ? ftruncate(static_cast<int>(file->fh), bytes)
                                   : truncate(real(path).c_str(), bytes));
}

int measure(const char* path, struct statvfs* status) {
  return result_of(statvfs(real(path).c_str(), status));
}

fuse_operations operations() {
  fuse_operations all{};
  all.getattr = get_attributes;
  all.mkdir = make_directory;
  all.unlink = remove_file;
  all.rmdir = remove_directory;
  all.rename = rename_file;
  all.truncate = resize;
  all.open = open_file;
  all.read = read_file;
  all.write = write_file;
  all.statfs = measure;
  all.release = release_file;
  all.fsync = sync_file;
  all.readdir = read_directory;
  all.fsyncdir = sync_directory;
  all.create = create_file;
  all.fallocate = allocate;
  return all;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 4) {
    fprintf(stderr, "penstock-faulty-fs FOLDER CONTROL MOUNTPOINT [refuse-direct]\n");
    return 2;
  }
  folder = std::filesystem::absolute(arguments[1]);  // fuse_main goes to the root
  control = open(arguments[2], O_RDONLY | O_CLOEXEC);
  if (control < 0) {
    perror(arguments[2]);
    return 1;
  }
  refuses_direct = count > 4 && std::string_view(arguments[4]) == "refuse-direct";
  // In the foreground, on several threads.
  char foreground[] = "-f";
  char* fuse_arguments[] = {arguments[0], foreground, arguments[3], nullptr};
  const fuse_operations all = operations();
  return fuse_main(3, fuse_arguments, &all, nullptr);
}
