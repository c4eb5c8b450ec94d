// penstock-passwd: the line of one user for --scram-users. The password comes from the terminal, unseen and twice, or
// as one line of standard input; it is never an argument, where every process could read it.
#include <termios.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <optional>
#include <string>

#include "auth/scram_credential.h"
#include "auth/scram_message.h"
#include "auth/scram_users.h"
#include "core/random.h"

namespace penstock::tools {
namespace {

constexpr size_t kSaltBytes = 16;
constexpr int kExitBadInput = 2;

// While it lives, the terminal does not show what is typed.
class Unseen {
 public:
  Unseen() : is_terminal_(tcgetattr(STDIN_FILENO, &before_) == 0) {
    if (!is_terminal_) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  }
  ~Unseen() {
    if (is_terminal_) tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  Unseen(const Unseen&) = delete;
  Unseen& operator=(const Unseen&) = delete;

  bool is_terminal() const { return is_terminal_; }

 private:
  termios before_{};
  const bool is_terminal_;
};

std::string read_line(const Unseen& unseen, const char* prompt) {
  if (unseen.is_terminal()) std::cerr << prompt << std::flush;
  std::string line;
  std::getline(std::cin, line);
  if (unseen.is_terminal()) std::cerr << '\n';
  return line;
}

// None, with a reason on standard error, for what clients could not send the same way.
std::optional<std::string> ask_for_password() {
  const Unseen unseen;
  const std::string password = read_line(unseen, "Password: ");
  const char* problem = nullptr;
  if (unseen.is_terminal() && read_line(unseen, "Once more: ") != password) problem = "the two are not the same";
  if (password.empty()) problem = "the password is empty";
  for (const char c : password)
    if (c < ' ' || c > '~') problem = "the password has characters other than printable ASCII";
  if (problem == nullptr) return password;
  std::cerr << "penstock-passwd: " << problem << '\n';
  return std::nullopt;
}

std::string fresh_salt() {
  std::string salt;
  while (salt.size() < kSaltBytes) {
    const uint64_t bytes = core::system_random().next_u64();
    salt.append(reinterpret_cast<const char*>(&bytes), sizeof bytes);
  }
  return salt;
}

int run(int argc, char** argv) {
  using auth::ScramUsers;
  CLI::App app("Prints the line of a user for penstock --scram-users. Asks for the password, or reads it from a pipe.",
               "penstock-passwd");
  app.footer("Example: penstock-passwd joe >> users && kill -HUP $(pidof penstock)");
  std::string name;
  uint32_t iterations = ScramUsers::kIterationsMin;
  app.add_option("name", name, "of the user")->required();
  app.add_option("--iterations", iterations, "of the hash: more make guessing dearer, and each login of the client")
      ->check(CLI::Range(ScramUsers::kIterationsMin, ScramUsers::kIterationsMax))
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::Error& error) {  // CLI11 speaks in exceptions; they end here
    return app.exit(error) == 0 ? 0 : kExitBadInput;
  }
  if (!auth::is_scram_name(name) || name.starts_with('#')) {
    std::cerr << "penstock-passwd: a name is 1 to " << auth::kScramNameBytesMax
              << " bytes of UTF-8 without control characters, and does not begin with '#'\n";
    return kExitBadInput;
  }
  const std::optional<std::string> password = ask_for_password();
  if (!password) return kExitBadInput;
  const std::string salt = fresh_salt();
  const auth::Sha256 salted = auth::salted_password(*password, salt, iterations);
  std::cout << auth::to_line(name, auth::credential_of(salted, salt, iterations)) << '\n';
  return std::cout.flush() ? 0 : 1;
}

}  // namespace
}  // namespace penstock::tools

int main(int argc, char** argv) {
  return penstock::tools::run(argc, argv);
}
