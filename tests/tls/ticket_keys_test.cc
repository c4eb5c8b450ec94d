#include "tls/ticket_keys.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace penstock::tls {
namespace {

std::string seal(const TicketKeys& keys, std::string_view session, int64_t valid_until_s = 7) {
  std::string ticket(session.size() + TicketKeys::kOverheadBytes, '\0');
  ticket.resize(
      keys.seal(core::as_bytes(session), valid_until_s, {reinterpret_cast<std::byte*>(ticket.data()), ticket.size()}));
  return ticket;
}

// The session; "none" when the ticket is no good.
std::string open(const TicketKeys& keys, std::string ticket, int64_t* valid_until_s = nullptr) {
  const auto opened = keys.open(core::as_bytes(ticket), {reinterpret_cast<std::byte*>(ticket.data()), ticket.size()});
  if (!opened) return "none";
  if (valid_until_s != nullptr) *valid_until_s = opened->valid_until_s;
  return ticket.substr(0, opened->session_bytes);
}

TEST(TicketKeysTest, opens_what_it_sealed) {
  const TicketKeys keys;
  for (const size_t bytes : {0, 1, 100, 10'000}) {
    const std::string session(bytes, 's');
    int64_t valid_until_s = 0;
    EXPECT_EQ(open(keys, seal(keys, session, 1'800'000'000), &valid_until_s), session);
    EXPECT_EQ(valid_until_s, 1'800'000'000);
  }
  EXPECT_EQ(seal(keys, "the session").find("the session"), std::string::npos);
  EXPECT_NE(seal(keys, "the session"), seal(keys, "the session"));
}

TEST(TicketKeysTest, a_ticket_that_was_changed_at_any_byte_is_none) {
  const TicketKeys keys;
  const std::string ticket = seal(keys, "session");
  for (size_t at = 0; at < ticket.size(); ++at) {
    std::string changed = ticket;
    changed[at] ^= 1;
    EXPECT_EQ(open(keys, changed), "none") << at;
    EXPECT_EQ(open(keys, ticket.substr(0, at)), "none") << at;
  }
  EXPECT_EQ(open(keys, ticket + "x"), "none");
}

TEST(TicketKeysTest, a_key_is_good_for_opening_for_one_period_after_its_own) {
  TicketKeys keys;
  const std::string first = seal(keys, "first");
  keys.rotate();
  const std::string second = seal(keys, "second");
  EXPECT_EQ(open(keys, first), "first");
  EXPECT_EQ(open(keys, second), "second");
  keys.rotate();
  EXPECT_EQ(open(keys, first), "none");
  EXPECT_EQ(open(keys, second), "second");
}

TEST(TicketKeysTest, keys_of_another_process_open_nothing) {
  const TicketKeys keys, others;
  EXPECT_EQ(open(others, seal(keys, "session")), "none");
}

}  // namespace
}  // namespace penstock::tls
