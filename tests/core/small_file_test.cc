#include "core/small_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace penstock::core {
namespace {

namespace fs = std::filesystem;

class SmallFileTest : public testing::Test {
 protected:
  SmallFileTest() : directory_(fs::path(testing::TempDir()) / ("penstock-small-file-" + std::to_string(::getpid()))) {
    fs::create_directories(directory_);
  }
  ~SmallFileTest() override { fs::remove_all(directory_); }

  std::string path(const std::string& name) const { return (directory_ / name).string(); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path(name), std::ios::trunc) << text;
  }

 private:
  fs::path directory_;
};

TEST_F(SmallFileTest, reads_a_file_whole) {
  const std::string text(100'000, 'x');
  write("a", text);
  EXPECT_EQ(read_small_file(path("a"), 100'000).value(), text);
  write("empty", "");
  EXPECT_EQ(read_small_file(path("empty"), 0).value(), "");
}

TEST_F(SmallFileTest, names_the_file_that_it_cannot_read) {
  write("long", "12345");
  const auto too_large = read_small_file(path("long"), 4);
  ASSERT_FALSE(too_large.has_value());
  EXPECT_NE(too_large.error().message.find(path("long")), std::string::npos);
  const auto missing = read_small_file(path("missing"), 4);
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code, ENOENT);
  EXPECT_NE(missing.error().message.find(path("missing")), std::string::npos);
}

TEST_F(SmallFileTest, takes_neither_a_directory_nor_a_pipe) {
  fs::create_directory(path("directory"));
  EXPECT_FALSE(read_small_file(path("directory"), 4).has_value());
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  EXPECT_FALSE(read_small_file(path("pipe"), 4).has_value());
}

TEST_F(SmallFileTest, another_file_of_the_same_name_has_another_stamp) {
  write("a", "one");
  write("b", "two");
  const FileStamp before = stamp_file(path("a")).value();
  EXPECT_EQ(stamp_file(path("a")).value(), before);
  fs::last_write_time(path("b"), fs::last_write_time(path("a")));
  fs::rename(path("b"), path("a"));
  EXPECT_NE(stamp_file(path("a")).value(), before);
}

TEST_F(SmallFileTest, a_link_that_is_turned_has_another_stamp) {
  write("a", "one");
  write("b", "two");
  fs::create_symlink(path("a"), path("link"));
  const FileStamp before = stamp_file(path("link")).value();
  fs::remove(path("link"));
  fs::create_symlink(path("b"), path("link"));
  EXPECT_NE(stamp_file(path("link")).value(), before);
  fs::remove(path("b"));
  EXPECT_FALSE(stamp_file(path("link")).has_value());
}

}  // namespace
}  // namespace penstock::core
