// A file system in a file or a piece of memory, on a loop device that goes when nothing uses it any more. Needs root;
// to be called within enter_own_mounts().
#pragma once

#include <string>

namespace penstock::test {

// Mounts the image as this type ("xfs", "ext4"), formatted before where that is asked for. Empty, or what failed.
std::string mount_image(int image, const std::string& at, const std::string& type, bool format);

}  // namespace penstock::test
