// Result<T>: what can fail because the world fails (files, sockets, settings). Reported once, where it is handled.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace penstock::core {

// What went wrong. `code` is an errno value, or 0 where no system call is to blame (corruption, bad settings).
struct Error {
  int code = 0;
  std::string message;  // one line for a person: names the file, the offset, the setting
};

template <typename T>
using Result = std::expected<T, Error>;
using Status = std::expected<void, Error>;

// "opening /x/y: No such file or directory"
std::unexpected<Error> system_error(int errno_value, std::string_view doing, std::string_view object = {});
std::unexpected<Error> failure(std::string message);

}  // namespace penstock::core

// Returns the error of `expression` from the enclosing function.
#define RETURN_IF_ERROR(expression)                                                                            \
  do {                                                                                                         \
    if (auto status_ = (expression); !status_.has_value()) return std::unexpected(std::move(status_).error()); \
  } while (false)

#define PENSTOCK_CONCAT_(a, b) a##b
#define PENSTOCK_CONCAT(a, b) PENSTOCK_CONCAT_(a, b)
#define PENSTOCK_ASSIGN_OR_RETURN(temporary, declaration, expression)               \
  auto temporary = (expression);                                                    \
  if (!temporary.has_value()) return std::unexpected(std::move(temporary).error()); \
  declaration = std::move(temporary).value()

// ASSIGN_OR_RETURN(auto file, storage.open(...)); declares or assigns, or returns the error.
#define ASSIGN_OR_RETURN(declaration, expression) \
  PENSTOCK_ASSIGN_OR_RETURN(PENSTOCK_CONCAT(result_, __LINE__), declaration, expression)
