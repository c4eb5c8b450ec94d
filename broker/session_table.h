// SessionTable: the sessions whose home is this shard, by client id. One thread, the shard's.
#pragma once

#include <absl/container/flat_hash_set.h>

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
  // `visit` makes and removes none.
  template <typename Visit>
  void for_each(Visit&& visit) {
    for (auto& session : slots_)
      if (session != nullptr) visit(*session);
  }

 private:
  // The key of a session is its own client id: a third of the memory of a map.
  struct IdHash {
    using is_transparent = void;
    size_t operator()(std::string_view client_id) const { return absl::Hash<std::string_view>()(client_id); }
    size_t operator()(const Session* session) const { return (*this)(std::string_view(session->client_id())); }
  };
  struct SameId {
    using is_transparent = void;
    static std::string_view id_of(std::string_view client_id) { return client_id; }
    static std::string_view id_of(const Session* session) { return session->client_id(); }
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const {
      return id_of(a) == id_of(b);
    }
  };
  absl::flat_hash_set<Session*, IdHash, SameId> by_client_id_;
  std::vector<std::unique_ptr<Session>> slots_;
  std::vector<uint32_t> free_slots_;
};

}  // namespace penstock::broker
