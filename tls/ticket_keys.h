// TicketKeys: the keys of the session tickets that the server gives out. A ticket holds the session, so that the server
// keeps nothing; who has the key can read the sessions, so keys change now and then. They live apart from the contexts,
// so that a ticket of before a reload of certificates is still good after it. Shared by the listeners of a process; any
// thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include "core/bytes.h"

namespace penstock::tls {

class TicketKeys {
 public:
  TicketKeys();
  ~TicketKeys();

  // From now on tickets are sealed with a new key. Those of the key before it can still be opened, older ones not: a
  // ticket lives for one to two of the periods in which this is called.
  void rotate();

  // A sealed ticket is longer than its session by this.
  static constexpr size_t kOverheadBytes = 16 + 24 + 8 + 16;

  // Seals a session that must not be resumed at `valid_until_s` (unix seconds) or later. `ticket` has room for
  // kOverheadBytes more than the session; it may be where the session lies. Returns the bytes of the ticket.
  size_t seal(core::Bytes session, int64_t valid_until_s, core::MutableBytes ticket) const;

  struct Opened {
    size_t session_bytes = 0;
    int64_t valid_until_s = 0;
  };
  // `session` has room for all bytes of the ticket; it may be where the ticket lies. Nothing when the ticket is none of
  // ours, damaged, or of a key that is gone.
  std::optional<Opened> open(core::Bytes ticket, core::MutableBytes session) const;

 private:
  struct Key;
  struct Keys {
    std::shared_ptr<const Key> current;
    std::shared_ptr<const Key> previous;  // none before the first rotation
  };
  Keys keys() const;

  mutable std::mutex mutex_;  // held to copy two pointers
  Keys keys_;
};

}  // namespace penstock::tls
