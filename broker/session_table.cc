#include "broker/session_table.h"

namespace penstock::broker {

Session* SessionTable::find(std::string_view client_id) {
  const auto found = by_client_id_.find(client_id);
  return found == by_client_id_.end() ? nullptr : *found;
}

Session& SessionTable::create(BrokerShard& shard, std::string client_id) {
  uint32_t slot;
  if (free_slots_.empty()) {
    slot = static_cast<uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
  }
  slots_[slot] = std::make_unique<Session>(shard, std::move(client_id), slot);
  Session& session = *slots_[slot];
  by_client_id_.insert(&session);
  return session;
}

void SessionTable::remove(Session& session) {
  const uint32_t slot = session.slot();
  by_client_id_.erase(&session);
  free_slots_.push_back(slot);
  slots_[slot].reset();
}

}  // namespace penstock::broker
