#include "core/result.h"

#include <cstring>

namespace penstock::core {

std::unexpected<Error> system_error(int errno_value, std::string_view doing, std::string_view object) {
  std::string message(doing);
  if (!object.empty()) message.append(" ").append(object);
  message.append(": ").append(std::strerror(errno_value));
  return std::unexpected(Error{errno_value, std::move(message)});
}

std::unexpected<Error> failure(std::string message) {
  return std::unexpected(Error{0, std::move(message)});
}

}  // namespace penstock::core
