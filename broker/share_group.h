// ShareGroup: the receivers of one "$share/GROUP/FILTER", as the shard sees them where the group is at home (by a hash
// of its key). The group is a session of its own, which no client has: it holds FILTER, its inflight window is what
// members have got and not completed, and its progress is the group's cursor. So records, checkpoints and a change of
// layout keep it as they keep any session, also while every member is away.
//
// Members pull: who has room gets the next message, in turn. Messages of a topic go to the member that still holds
// earlier ones of it, so that they stay in order, unless it has no room. One thread, the shard's.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/inflight_window.h"
#include "broker/mail.h"
#include "log/position.h"

namespace penstock::broker {

// No client can have this id: it begins with U+0000, which no text of MQTT may hold.
std::string group_session_id(std::string_view shared_filter);
bool is_group_session_id(std::string_view client_id);
// "$share/GROUP/FILTER" of such an id.
std::string_view shared_filter_of(std::string_view group_session_id);

class ShareGroup {
 public:
  using Place = std::pair<log::LogId, log::LogOffset>;
  struct Member {
    ShareToken token = 0;
    uint16_t credit = 0;  // messages it may hold at a time; 0: it is away
    uint32_t held = 0;
    bool has_room() const { return held < credit; }
  };

  void join(ShareToken token, uint16_t credit);
  void set_credit(ShareToken token, uint16_t credit);
  // What it held has been reported before, but for what was on its way to it: that is nobody's now.
  void leave(ShareToken token);
  bool has_members() const { return !members_.empty(); }

  // Who gets the next message of this topic; null: nobody has room.
  Member* choose(uint32_t topic_hash);
  // The member holds this message from now on, under this id of the group's window.
  void hand_to(Member& member, Place place, protocol::PacketId id, uint32_t topic_hash);
  // A member is done with the message, or cannot complete it. The id in the window; 0: it is not held by anybody.
  protocol::PacketId take_back(Place place);
  // The window gives a message that is still held another id.
  void rename(Place place, protocol::PacketId id) { held_.at(place).id = id; }
  bool is_held(Place place) const { return held_.contains(place); }

  // Ids of the window whose messages are nobody's: given back, or restored after a restart.
  std::deque<protocol::PacketId> unheld;

  bool is_recorded = true;   // a record says that it was made
  bool is_forsaken = false;  // its last member has left it: it is about to end, unless another one joins it

  // Of messages that members hold at a time, all together.
  static constexpr uint16_t kHeldMax = 4096;

 private:
  struct Held {
    protocol::PacketId id;
    ShareToken token = 0;
    uint32_t topic_hash = 0;
  };
  struct TopicHolder {
    ShareToken token = 0;
    uint32_t messages = 0;
  };

  Member* find(ShareToken token);

  std::vector<Member> members_;
  size_t next_ = 0;  // whose turn it is
  absl::flat_hash_map<Place, Held> held_;
  absl::flat_hash_map<uint32_t, TopicHolder> holders_;  // by topic hash, of topics with messages that are held
};

}  // namespace penstock::broker
