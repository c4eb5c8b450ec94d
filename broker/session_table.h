// SessionTable: the sessions whose home is this shard, by client id. One thread, the shard's.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <memory>
#include <string_view>
#include <vector>

#include "broker/session.h"

namespace penstock::broker {

class SessionTable {
 public:
  Session* find(std::string_view client_id);
  Session& create(BrokerShard& shard, std::string client_id);
  // Frees the session; nothing may point to it any more.
  void remove(Session& session);

  size_t size() const { return by_client_id_.size(); }
  // Slots in use lie below this; at() gives null for the others.
  uint32_t slots_end() const { return static_cast<uint32_t>(slots_.size()); }
  Session* at(uint32_t slot) { return slots_[slot].get(); }
  template <typename Visit>
  void for_each(Visit&& visit) {
    for (auto& session : slots_)
      if (session != nullptr) visit(*session);
  }

 private:
  absl::flat_hash_map<std::string_view, Session*> by_client_id_;  // keys are the sessions' own
  std::vector<std::unique_ptr<Session>> slots_;
  std::vector<uint32_t> free_slots_;
};

}  // namespace penstock::broker
