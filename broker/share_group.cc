#include "broker/share_group.h"

#include <algorithm>

namespace penstock::broker {
namespace {

constexpr std::string_view kNoClient("\0", 1);

}  // namespace

std::string group_session_id(std::string_view shared_filter) {
  return std::string(kNoClient).append(shared_filter);
}

bool is_group_session_id(std::string_view client_id) {
  return client_id.starts_with(kNoClient);
}

std::string_view shared_filter_of(std::string_view group_session_id) {
  return group_session_id.substr(kNoClient.size());
}

ShareGroup::Member* ShareGroup::find(ShareToken token) {
  const auto found = std::ranges::find(members_, token, &Member::token);
  return found == members_.end() ? nullptr : &*found;
}

void ShareGroup::join(ShareToken token, uint16_t credit) {
  if (find(token) == nullptr) members_.push_back({.token = token, .credit = credit});
}

void ShareGroup::set_credit(ShareToken token, uint16_t credit) {
  if (Member* member = find(token)) member->credit = credit;
}

void ShareGroup::leave(ShareToken token) {
  std::vector<Place> on_their_way;
  for (const auto& [place, held] : held_)
    if (held.token == token) on_their_way.push_back(place);
  std::ranges::sort(on_their_way);
  for (const Place& place : on_their_way) unheld.push_back(take_back(place));
  std::erase_if(members_, [token](const Member& each) { return each.token == token; });
}

ShareGroup::Member* ShareGroup::choose(uint32_t topic_hash) {
  if (const auto holder = holders_.find(topic_hash); holder != holders_.end()) {
    Member* member = find(holder->second.token);
    if (member != nullptr && member->has_room()) return member;
  }
  for (size_t tried = 0; tried < members_.size(); ++tried) {
    if (next_ >= members_.size()) next_ = 0;
    Member& member = members_[next_++];
    if (member.has_room()) return &member;
  }
  return nullptr;
}

void ShareGroup::hand_to(Member& member, Place place, protocol::PacketId id, uint32_t topic_hash) {
  ++member.held;
  held_[place] = {id, member.token, topic_hash};
  TopicHolder& holder = holders_[topic_hash];
  holder.token = member.token;
  ++holder.messages;
}

protocol::PacketId ShareGroup::take_back(Place place) {
  const auto found = held_.find(place);
  if (found == held_.end()) return protocol::PacketId(0);
  const Held held = found->second;
  held_.erase(found);
  if (Member* member = find(held.token)) --member->held;
  const auto holder = holders_.find(held.topic_hash);
  if (--holder->second.messages == 0) holders_.erase(holder);
  return held.id;
}

}  // namespace penstock::broker
