// BrokerShard's part in shared subscriptions: as the shard of members, and as the one where groups are at home. The two
// speak by mail, also where they are one.
#include <algorithm>

#include "broker/broker_shard.h"
#include "core/check.h"

namespace penstock::broker {
namespace {

using protocol::TopicFilter;

constexpr int kTokenShardShift = 48;

ShardIndex shard_of(ShareToken token) {
  return static_cast<ShardIndex>(token >> kTokenShardShift);
}

}  // namespace

// ---- Of members ----

void BrokerShard::add_share(Session& session, uint32_t filter_slot) {
  if (session.shares == nullptr) session.shares = std::make_unique<SessionShares>();
  const ShareToken token = ShareToken{place_.index} << kTokenShardShift | ++last_share_token_;
  const ShardIndex home = home_of(group_session_id(filters_.filter(filter_slot).text()));
  session.shares->member.joined.push_back({.filter_slot = filter_slot, .token = token, .home = home});
  share_members_[token] = session.slot();
}

void BrokerShard::announce_shares(Session& session, PendingSubscribe* pending) {
  if (session.shares == nullptr) return;
  for (ShareMember::Joined& joined : session.shares->member.joined) {
    if (joined.is_announced) continue;
    joined.is_announced = true;
    if (pending != nullptr) {
      if (pending->ticket == 0) pending->ticket = ++last_ticket_;
      ++pending->answers_left;
    }
    post_share(joined.home, {.kind = ShareMail::Kind::kJoin,
                             .credit = session.online() ? deliveries_.window_limit(session) : uint16_t{0},
                             .token = joined.token,
                             .ticket = pending == nullptr ? 0 : pending->ticket,
                             .shared_filter = std::string(filters_.filter(joined.filter_slot).text())});
  }
}

void BrokerShard::tell_share_credit(Session& session, uint16_t credit) {
  for (const ShareMember::Joined& joined : session.shares->member.joined)
    post_share(joined.home, {.kind = ShareMail::Kind::kCredit, .credit = credit, .token = joined.token});
}

// The client is gone: others may have what it was not sent, and at QoS 1 what it has not acknowledged. At QoS 2 what
// was sent stays its own [MQTT5-4.8.2-4], and what was begun for a group that it has left.
void BrokerShard::return_shares(Session& session) {
  ShareMember& member = session.shares->member;
  for (const ShareItem& item : member.inbox) report_share(member.find(item.token)->home, item, true);
  member.inbox.clear();
  InflightWindow* window = session.window_if_any();
  std::vector<std::pair<ShardIndex, ShareItem>> returned;
  for (auto each = member.inflight.begin(); each != member.inflight.end();) {
    Delivery* delivery = window->find(protocol::PacketId(each->first));
    const ShareMember::Joined* joined = member.find(each->second.token);
    const bool is_starting = delivery != nullptr && delivery->state == DeliveryState::kStarting && joined != nullptr;
    if (delivery == nullptr || (delivery->qos == protocol::QoS::kExactlyOnce && !is_starting)) {
      ++each;
      continue;
    }
    if (is_starting) --session.starting_count;
    if (joined != nullptr) returned.emplace_back(joined->home, each->second);
    window->complete(*delivery);
    member.inflight.erase(each++);
  }
  // In the order of their logs, as whoever gets them next is to see them.
  std::ranges::sort(returned, {}, [](const auto& each) { return std::pair(each.second.log, each.second.offset); });
  for (const auto& [home, item] : returned) report_share(home, item, true);
}

void BrokerShard::complete_share(Session& session, protocol::PacketId packet_id) {
  if (session.shares == nullptr) return;  // it was begun in an earlier life, and the group has been left since
  ShareMember& member = session.shares->member;
  const auto found = member.inflight.find(packet_id.value());
  if (found == member.inflight.end()) return;
  if (const ShareMember::Joined* joined = member.find(found->second.token))
    report_share(joined->home, found->second, false);
  member.inflight.erase(found);
}

void BrokerShard::leave_share(Session& session, uint32_t filter_slot) {
  ShareMember& member = session.shares->member;
  const auto joined = std::ranges::find(member.joined, filter_slot, &ShareMember::Joined::filter_slot);
  if (joined == member.joined.end()) return;
  for (const ShareItem& item : member.inbox)
    if (item.token == joined->token) report_share(joined->home, item, true);
  std::erase_if(member.inbox, [&](const ShareItem& item) { return item.token == joined->token; });
  // What was sent is the client's to complete, and nobody else's. [MQTT5-4.8.2-5]
  for (const auto& [packet_id, item] : member.inflight)
    if (item.token == joined->token) report_share(joined->home, item, false);
  flush_shares(joined->home);
  if (joined->is_announced) post_share(joined->home, {.kind = ShareMail::Kind::kLeave, .token = joined->token});
  share_members_.erase(joined->token);
  member.joined.erase(joined);
}

void BrokerShard::report_share(ShardIndex home, ShareItem item, bool is_returned) {
  item.is_returned = is_returned;
  share_reports_[home].push_back(item);
}

void BrokerShard::on_assigned(ShardIndex home, const std::vector<ShareItem>& items) {
  for (const ShareItem& item : items) {
    const auto found = share_members_.find(item.token);
    Session* session = found == share_members_.end() ? nullptr : sessions_.at(found->second);
    if (session == nullptr || !session->online()) {
      report_share(home, item, true);
      continue;
    }
    session->shares->member.inbox.push_back(item);
    deliveries_.on_work(*session);
  }
}

// ---- Of groups ----

void BrokerShard::on_join(ShardIndex from, const ShareMail& mail) {
  const std::string id = group_session_id(mail.shared_filter);
  Session* session = sessions_.find(id);
  // A crash has left the record that it was made, and not that of its filter: nothing would ever come to it. Or its
  // last member has left it in this turn.
  const bool is_left = session != nullptr && session->group()->is_forsaken && !session->group()->has_members();
  if (session != nullptr && (session->subscriptions.empty() || (is_left && has_log_room()))) {
    end_session(*session);
    session = nullptr;
  }
  const bool is_new = session == nullptr;
  if (is_new) session = &make_group(id);
  session->group()->join(mail.token, mail.credit);
  share_groups_[mail.token] = session->slot();
  deliveries_.on_window_room(*session);
  const ShareAnswer answer{.end = session->made_end, .shard = from, .ticket = mail.ticket};
  const auto pending = std::ranges::find(pending_groups_, id, &PendingSubscribe::client_id);
  if (is_new)
    subscribe_group(*session, mail.shared_filter, answer);
  else if (pending != pending_groups_.end())
    pending->share_answers.push_back(answer);
  else
    share_answers_.push_back(answer);
}

Session& BrokerShard::make_group(const std::string& id) {
  Session& session = sessions_.create(*this, id);
  session.persistent = true;
  session.shares = std::make_unique<SessionShares>();
  session.shares->group = std::make_unique<ShareGroup>();
  session.done = routed_;
  session.done.advance_to(place_.log.id, log_->appended_end().value());
  session.shares->group->is_recorded = false;  // finish_subscribe() waits for room
  return session;
}

void BrokerShard::subscribe_group(Session& session, std::string_view shared_filter, const ShareAnswer& answer) {
  const TopicFilter filter = protocol::SharedFilter::split(TopicFilter::accepted(shared_filter))->filter;
  const SubscriptionTerms terms(protocol::QoS::kExactlyOnce);
  FilterChange change;
  // A shared subscription gets nothing that is retained (chapter 4.8.2).
  subscribe(session, filter, terms, protocol::RetainHandling::kDoNotSend, change);
  deliveries_.begin_group(session);
  PendingSubscribe pending{.client_id = session.client_id(), .packet_bytes = shared_filter.size() + 1};
  pending.filters.emplace_back(filter.text(), terms);
  pending.share_answers.push_back(answer);
  complete_subscribe(std::move(pending), std::move(change));
}

bool BrokerShard::has_answer_to_join() const {
  if (share_answers_.empty()) return false;
  // Of a log that has failed nothing becomes durable any more, and SUBSCRIBEs of other shards wait behind this one: the
  // group lasts until the next start.
  return share_answers_.front().end <= log_->durable_end().value() || log_->room_for(0) == log::AppendRoom::kFailed;
}

void BrokerShard::answer_joins() {
  while (has_answer_to_join()) {
    const ShareAnswer answer = share_answers_.front();
    share_answers_.pop_front();
    if (answer.ticket != 0) post_share(answer.shard, {.kind = ShareMail::Kind::kJoined, .ticket = answer.ticket});
  }
}

Session* BrokerShard::group_of(ShareToken token) {
  const auto found = share_groups_.find(token);
  return found == share_groups_.end() ? nullptr : sessions_.at(found->second);
}

void BrokerShard::on_leave(ShareToken token) {
  Session* session = group_of(token);
  if (session == nullptr) return;
  share_groups_.erase(token);
  session->group()->leave(token);
  if (session->group()->has_members())
    deliveries_.on_work(*session);
  else if (knows_members())
    forsake(*session);
}

// It ends with the turn, when there is room to record that: the room that is there now has been promised to the packet
// that is being handled.
void BrokerShard::forsake(Session& session) {
  if (!std::exchange(session.group()->is_forsaken, true)) forsaken_groups_.push_back(session.client_id());
}

void BrokerShard::end_forsaken_groups() {
  if (forsaken_groups_.empty()) return;
  const bool has_failed = log_->room_for(0) == log::AppendRoom::kFailed;
  std::erase_if(forsaken_groups_, [&](const std::string& id) {
    Session* session = sessions_.find(id);
    if (session == nullptr || !session->group()->is_forsaken) return true;  // it ended otherwise
    ShareGroup& group = *session->group();
    if (!group.has_members() && group.is_recorded && !has_failed && !has_log_room()) return false;
    group.is_forsaken = false;
    if (!group.has_members()) end_session(*session);
    return true;
  });
}

void BrokerShard::on_reports(const std::vector<ShareItem>& items) {
  for (const ShareItem& item : items) {
    Session* session = group_of(item.token);
    if (session == nullptr) continue;
    ShareGroup& group = *session->group();
    const protocol::PacketId id = group.take_back({item.log, item.offset});
    if (id.value() == 0) continue;
    if (item.is_returned) {
      group.unheld.push_back(id);
    } else {
      InflightWindow& window = *session->window_if_any();
      window.complete(*window.find(id));
      note_progress(*session);
    }
    deliveries_.on_work(*session);
  }
}

void BrokerShard::assign_share(ShareToken token, log::LogId log, log::LogOffset offset) {
  share_assigned_[shard_of(token)].push_back({.token = token, .log = log, .offset = offset});
}

// After a start: members tell their groups that they are there, and groups wait for them.
void BrokerShard::begin_shares() {
  std::vector<Session*> members;
  sessions_.for_each([&](Session& session) {
    if (session.group() != nullptr)
      deliveries_.begin_group(session);
    else if (session.shares != nullptr)
      members.push_back(&session);
  });
  // A group whose records a crash has taken is made anew by its first member: the table of sessions grows.
  for (Session* member : members) announce_shares(*member, nullptr);
  for (ShardIndex to = 0; to < place_.shards_count; ++to) post_share(to, {.kind = ShareMail::Kind::kRejoined});
}

void BrokerShard::on_rejoined() {
  ++shards_rejoined_;
  if (knows_members()) forsake_empty_groups();
}

// Who did not outlive the last life, or has left since this one began, may have been the only member. Once: until every
// shard has told of its members, a group without any may still have some.
void BrokerShard::forsake_empty_groups() {
  sessions_.for_each([this](Session& session) {
    if (session.group() != nullptr && !session.group()->has_members()) forsake(session);
  });
}

// ---- Mail ----

void BrokerShard::post_share(ShardIndex to, ShareMail mail) {
  if (to == place_.index)
    on_share(to, mail);
  else
    post_.post(to, Mail{.kind = MailKind::kShare, .body = std::make_unique<ShareMail>(std::move(mail))});
}

void BrokerShard::flush_shares() {
  if (share_members_.empty() && share_groups_.empty()) return;
  for (ShardIndex to = 0; to < place_.shards_count; ++to) flush_shares(to);
}

void BrokerShard::flush_shares(ShardIndex to) {
  if (!share_reports_[to].empty()) {
    std::vector<ShareItem> items = std::exchange(share_reports_[to], {});
    post_share(to, {.kind = ShareMail::Kind::kReport, .items = std::move(items)});
  }
  if (!share_assigned_[to].empty()) {
    std::vector<ShareItem> items = std::exchange(share_assigned_[to], {});
    post_share(to, {.kind = ShareMail::Kind::kAssign, .items = std::move(items)});
  }
}

void BrokerShard::on_share(ShardIndex from, const ShareMail& mail) {
  switch (mail.kind) {
    case ShareMail::Kind::kJoin:
      return on_join(from, mail);
    case ShareMail::Kind::kRejoined:
      return on_rejoined();
    case ShareMail::Kind::kJoined:
      return on_answer(mail.ticket);
    case ShareMail::Kind::kCredit:
      if (Session* session = group_of(mail.token)) {
        session->group()->set_credit(mail.token, mail.credit);
        deliveries_.on_work(*session);
      }
      return;
    case ShareMail::Kind::kLeave:
      return on_leave(mail.token);
    case ShareMail::Kind::kAssign:
      return on_assigned(from, mail.items);
    case ShareMail::Kind::kReport:
      return on_reports(mail.items);
  }
}

}  // namespace penstock::broker
