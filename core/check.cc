#include "core/check.h"

#include <cstdio>
#include <cstdlib>

namespace penstock::core {

void check_failed(const char* file, int line, const char* expression, std::string_view details) {
  std::fprintf(stderr, "%s:%d: CHECK failed: %s%s%.*s%s\n", file, line, expression, details.empty() ? "" : " (",
               static_cast<int>(details.size()), details.data(), details.empty() ? "" : ")");
  std::fflush(stderr);
  std::abort();
}

}  // namespace penstock::core
