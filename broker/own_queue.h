// OwnQueue: what is addressed to one session alone, retained messages at QoS 1 and 2, with the session as its only
// reader. Made with the first such message. One thread, the shard's.
#pragma once

#include <memory>

#include "broker/filter_queue.h"

namespace penstock::broker {

struct OwnQueue {
  OwnQueue(Session& session, std::unique_ptr<log::ConsumeQueue> entries, bool online)
      : queue(readers, 0, std::move(entries)) {
    reader.session = &session;
    reader.terms = SubscriptionTerms(protocol::QoS::kExactlyOnce);
    readers.add(reader, online);
  }

  uint64_t waiting() { return queue.entries().end() - reader.cursor; }

  Subscription reader;
  Subscribers readers;
  FilterQueue queue;
};

}  // namespace penstock::broker
