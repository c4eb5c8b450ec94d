// CHECK: our own mistakes. On in every build; prints the operands and aborts.
// Hostile input and a failing world never go through here: they are values (ProtocolError, Result).
#pragma once

#include <sstream>
#include <string_view>

namespace penstock::core {

// Prints "file:line: CHECK failed: expression (details)" to stderr and aborts.
[[noreturn, gnu::cold]] void check_failed(const char* file, int line, const char* expression, std::string_view details);

template <typename A, typename B>
[[noreturn, gnu::cold, gnu::noinline]] void check_failed_with(const char* file, int line, const char* expression,
                                                              const A& a, const B& b) {
  std::ostringstream details;
  details << a << " vs " << b;
  check_failed(file, line, expression, details.str());
}

}  // namespace penstock::core

#define CHECK(condition) \
  (__builtin_expect(!!(condition), 1) ? (void)0 : ::penstock::core::check_failed(__FILE__, __LINE__, #condition, ""))

// Operands are evaluated once.
#define PENSTOCK_CHECK_OP(op, a, b)                                                                   \
  do {                                                                                                \
    const auto& check_a_ = (a);                                                                       \
    const auto& check_b_ = (b);                                                                       \
    if (__builtin_expect(!(check_a_ op check_b_), 0))                                                 \
      ::penstock::core::check_failed_with(__FILE__, __LINE__, #a " " #op " " #b, check_a_, check_b_); \
  } while (false)

#define CHECK_EQ(a, b) PENSTOCK_CHECK_OP(==, a, b)
#define CHECK_NE(a, b) PENSTOCK_CHECK_OP(!=, a, b)
#define CHECK_LE(a, b) PENSTOCK_CHECK_OP(<=, a, b)
#define CHECK_LT(a, b) PENSTOCK_CHECK_OP(<, a, b)
#define CHECK_GE(a, b) PENSTOCK_CHECK_OP(>=, a, b)
#define CHECK_GT(a, b) PENSTOCK_CHECK_OP(>, a, b)
