#include "auth/scram_users.h"

#include <gtest/gtest.h>

#include "auth/base64.h"

namespace penstock::auth {
namespace {

// The user of RFC 7677, 3.
constexpr std::string_view kUser =
    "user:SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
    "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

std::string error_of(std::string_view text) {
  const auto users = ScramUsers::parse(text, "/etc/users");
  return users.has_value() ? "(no error)" : users.error().message;
}

// The line of kUser with `part` replaced.
std::string with(std::string_view part, std::string_view replacement) {
  std::string line(kUser);
  const size_t at = line.find(part);
  EXPECT_NE(at, line.npos) << part;
  return line.replace(at, part.size(), replacement);
}

TEST(scram_users, are_read_from_lines_as_postgresql_keeps_them) {
  const auto users =
      ScramUsers::parse("# people\n\n" + std::string(kUser) + "\r\n" + with("user", "a:b $c") + "\n", "f");
  ASSERT_TRUE(users.has_value()) << users.error().message;
  EXPECT_EQ((*users)->size(), 2u);
  const auto user = (*users)->find("user");
  ASSERT_TRUE(user.has_value());
  EXPECT_EQ(to_base64(core::as_bytes(user->salt)), "W22ZaJ0SNY7soEsUEjb6gQ==");
  EXPECT_EQ(user->iterations, 4096u);
  EXPECT_EQ(to_line("user", *user), kUser);
  EXPECT_TRUE((*users)->find("a:b $c").has_value());
  EXPECT_FALSE((*users)->find("User").has_value());
  EXPECT_FALSE((*users)->find("").has_value());
}

TEST(scram_users, may_be_nobody) {
  const auto users = ScramUsers::parse("", "f");
  ASSERT_TRUE(users.has_value());
  EXPECT_EQ((*users)->size(), 0u);
  EXPECT_EQ((*users)->usual_shape(), ScramShape());
}

TEST(scram_users, a_last_line_needs_no_end) {
  EXPECT_EQ(error_of(kUser), "(no error)");
  EXPECT_EQ(error_of(std::string(kUser) + "\n"), "(no error)");
}

TEST(scram_users, an_error_names_the_line_and_shows_nothing_of_a_credential) {
  const std::string iterations = "user \"user\": the iterations are not a number from 4096 to 10000000";
  const struct {
    std::string line;
    std::string error;
  } cases[] = {
      {"user:secret", "is not name:SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey"},
      {"user", "is not name:SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey"},
      {with("SCRAM-SHA-256", "SCRAM-SHA-1"), "is not name:SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey"},
      {with("user", ""), "the user name is empty, longer than 256 bytes, or not plain UTF-8"},
      {with("user", "\xff"), "the user name is empty, longer than 256 bytes, or not plain UTF-8"},
      {with("user", "a\tb"), "the user name is empty, longer than 256 bytes, or not plain UTF-8"},
      {with("user", std::string(257, 'a')), "the user name is empty, longer than 256 bytes, or not plain UTF-8"},
      {with("4096", ""), iterations},
      {with("4096", "4095"), iterations},
      {with("4096", "04096"), iterations},
      {with("4096", "4096x"), iterations},
      {with("4096", "-4096"), iterations},
      {with("4096", "10000001"), iterations},
      {with("4096", "99999999999"), iterations},
      {with("W22ZaJ0SNY7soEsUEjb6gQ==", ""), "user \"user\": the salt is not the Base64 of 1 to 64 bytes"},
      {with("W22ZaJ0SNY7soEsUEjb6gQ==", "W22Z"), "(no error)"},
      {with("gQ==", "gQ"), "user \"user\": the salt is not the Base64 of 1 to 64 bytes"},
      {with("gQ==", "gR=="), "user \"user\": the salt is not the Base64 of 1 to 64 bytes"},
      {with("W22ZaJ0SNY7soEsUEjb6gQ==", std::string(88, 'A')),
       "user \"user\": the salt is not the Base64 of 1 to 64 bytes"},
      {with("WG5d", ""), "user \"user\": StoredKey is not the Base64 of 32 bytes"},
      {with("WG5d", "WG*d"), "user \"user\": StoredKey is not the Base64 of 32 bytes"},
      {with("wfPL", "wfPLwfPL"), "user \"user\": ServerKey is not the Base64 of 32 bytes"},
      {std::string(kUser) + " ", "user \"user\": ServerKey is not the Base64 of 32 bytes"},
      {with("$WG5d", "WG5d"), "user \"user\": '$' is missing"},
      {"user:SCRAM-SHA-256$4096", "user \"user\": ':' is missing"},
      {"user:SCRAM-SHA-256$4096:W22Z$WG5d", "user \"user\": ':' is missing"},
  };
  for (const auto& c : cases) {
    const std::string prefix = c.error == "(no error)" ? "" : "/etc/users:3: ";
    EXPECT_EQ(error_of("# one\n" + with("user", "other") + "\n" + c.line + "\n"), prefix + c.error) << c.line;
  }
}

TEST(scram_users, a_user_that_is_there_twice_is_an_error) {
  EXPECT_EQ(error_of(std::string(kUser) + "\n" + std::string(kUser)), "/etc/users:2: user \"user\" is there twice");
}

TEST(base64, one_value_has_one_spelling) {
  EXPECT_EQ(to_base64({}), "");
  EXPECT_EQ(to_base64(core::as_bytes("f")), "Zg==");
  EXPECT_EQ(to_base64(core::as_bytes("fo")), "Zm8=");
  EXPECT_EQ(to_base64(core::as_bytes("foobar")), "Zm9vYmFy");
  EXPECT_EQ(from_base64("Zm9vYmFy"), "foobar");
  EXPECT_EQ(from_base64(""), "");
  for (const char* text : {"Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Zm8=Zm8=", "Zm 8", "Zm9v\n", "Zm-_", "=", "===="}) {
    EXPECT_EQ(from_base64(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace penstock::auth
