// penstock-passwd as a person and a script use it. That its lines let users in: tests/system/scram_test.cc.
#include <gtest/gtest.h>

#include <filesystem>

#include "auth/scram_users.h"
#include "tests/support/broker_process.h"

namespace penstock::tools {
namespace {

using test::Finished;

Finished passwd(const std::string& arguments, const std::string& input) {
  const std::string tool = std::filesystem::path(test::broker_binary()).parent_path() / "penstock-passwd";
  return test::run_program({"/bin/sh", "-c", "printf '" + input + "' | " + tool + " " + arguments});
}

TEST(PasswdTool, makes_a_line_that_the_file_of_users_takes) {
  for (const char* input : {"secret\\n", "secret"}) {
    const Finished made = passwd("joe --iterations 5000", input);
    ASSERT_EQ(made.exit_code, 0) << made.err;
    const auto users = auth::ScramUsers::parse(made.out, "users");
    ASSERT_TRUE(users.has_value()) << users.error().message;
    ASSERT_TRUE((*users)->find("joe").has_value());
    EXPECT_EQ((*users)->find("joe")->iterations, 5000u);
    EXPECT_EQ(made.out.find("secret"), std::string::npos);
  }
}

TEST(PasswdTool, salts_each_line_anew) {
  EXPECT_NE(passwd("joe", "secret").out, passwd("joe", "secret").out);
}

TEST(PasswdTool, refuses_what_cannot_work_and_says_why) {
  struct Bad {
    const char* arguments;
    const char* input;
    const char* named;
  };
  for (const Bad& bad : {Bad{"", "x", "name"}, Bad{"joe", "", "empty"}, Bad{"joe", "\\303\\274", "ASCII"},
                         Bad{"joe --iterations 1", "x", "--iterations"}, Bad{"\"#joe\"", "x", "begin with"}}) {
    const Finished refused = passwd(bad.arguments, bad.input);
    EXPECT_EQ(refused.exit_code, 2) << bad.named;
    EXPECT_EQ(refused.out, "") << bad.named;
    EXPECT_NE(refused.err.find(bad.named), std::string::npos) << refused.err;
  }
}

}  // namespace
}  // namespace penstock::tools
