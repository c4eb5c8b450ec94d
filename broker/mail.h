// Mail: what one shard tells another, through a core::Mailbox. Moved by value; a body belongs to whoever holds the
// mail.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "broker/held_bytes.h"
#include "broker/retained_store.h"
#include "broker/transport.h"
#include "core/network.h"
#include "log/position.h"

namespace penstock::broker {

using ShardIndex = uint16_t;

// A connection whose client id is at home on another shard: the socket, every byte read from it so far, and the layers
// that its bytes go through, where there are any.
struct HandOver {
  core::SocketId socket;
  HeldBytes received;
  std::unique_ptr<Transport> transport;
};

struct FilterChange {
  std::vector<std::string> added;
  std::vector<std::string> removed;
  uint64_t ticket = 0;  // returned by the answer; 0: no answer wanted
};

// A member of a shared subscription's group: its shard in the upper 16 bits, and a number that the shard gives once.
using ShareToken = uint64_t;

// A message of a group, on its way to a member or back.
struct ShareItem {
  ShareToken token = 0;
  log::LogId log;
  log::LogOffset offset;
  bool is_returned = false;  // in a report: the member could not complete it, another one may
};

// Between the shard of a member and the one where the group is at home.
struct ShareMail {
  enum class Kind : uint8_t {
    kJoin,      // shared_filter, token, credit; ticket, to be answered when it is not 0
    kRejoined,  // after a start: kJoin has been sent for every member that the sender has restored
    kJoined,    // ticket: from now on no message for the group is missed
    kCredit,    // token, credit: how many messages it may hold at a time; 0: it is away
    kLeave,     // token
    kAssign,    // items: to members
    kReport,    // items: done or returned
  };
  Kind kind = Kind::kReport;
  uint16_t credit = 0;
  ShareToken token = 0;
  uint64_t ticket = 0;
  std::string shared_filter;
  std::vector<ShareItem> items;
};

enum class MailKind : uint8_t {
  kRoute,         // a record of the sender's log matches a filter of the receiver
  kFilters,       // the sender's shard has got or lost filters
  kFiltersNoted,  // answer: everything appended before `offset` has been routed by the older filters
  kHandOver,
  kRetained,      // a retained message was set or deleted
  kDurableMoved,  // the sender's log is durable further: deliveries may wait for it
  kShare,
};

struct Mail {
  MailKind kind = MailKind::kRoute;
  uint8_t qos = 0;
  ShardIndex from = 0;
  log::LogOffset offset;
  log::Sequence sequence;
  uint64_t end = 0;     // kRoute: one past the record
  uint64_t ticket = 0;  // kFiltersNoted
  std::variant<std::monostate, std::unique_ptr<HandOver>, std::unique_ptr<FilterChange>, RetainedPointer,
               std::unique_ptr<ShareMail>>
      body;
};

}  // namespace penstock::broker
