// BrokerOracle's sessions: how they begin and go on, when they may and must expire, and what a death of the broker may
// take from them.
#include <algorithm>
#include <utility>

#include "tests/sim/broker_oracle.h"

namespace penstock::sim {
namespace {

// What --durability write and memory may lose: a second between two syncs, and how long a slow disk takes for them.
constexpr int64_t kHorizonNs = 15 * core::kNsPerSecond;
// DISCONNECT does not wait for its record.
constexpr int64_t kDisconnectNs = 10 * core::kNsPerSecond;
// A CONNECT that its client gave up is read within this time, or never.
constexpr int64_t kUnderWayNs = core::kNsPerSecond;
// Since when a session is offline is recorded within this time, where the disk is not slow.
constexpr int64_t kOfflineRecordedNs = core::kNsPerSecond;
constexpr int64_t kExpiryLateNs = core::kNsPerSecond + core::kNsPerSecond / 2;

}  // namespace

void BrokerOracle::begin_session(Client& client) {
  membership_ends(static_cast<ClientIndex>(&client - clients_.data()), client.offline_from_ns);
  ++client.session;
  client.session_from_ns = client.connecting_ns;
  client.session_known_ns = now_ns();
  client.in_doubt = false;
  client.promised = false;
  client.changed_ns = now_ns();
  client.returns.clear();
  // A death that loses things may take the end of the session, and the whole of the new one.
  std::erase_if(client.former, [&](const Interest& each) { return each.until_ns <= now_ns() - kHorizonNs; });
  for (Interest& interest : client.interests) {
    interest.until_ns = interest.may_be_back ? now_ns() : std::min(interest.until_ns, now_ns());
    if (client.is_kept) client.former.push_back(std::move(interest));
  }
  client.interests.clear();
  client.receipts.clear();
  client.newest.clear();
}

void BrokerOracle::connecting(ClientIndex index, const SessionTerms& terms) {
  Client& client = clients_[index];
  ++client.connection;
  client.connecting_ns = now_ns();
  client.first_attempt_ns = std::min(client.first_attempt_ns, now_ns());
  client.expiry = range_of(client.expiries);
  client.expiries.push_back({now_ns(), bounded_expiry_us(terms.expiry_us)});
  // If the answer is lost, who knows which session the next one finds.
  if (!terms.clean_start && (!client.promised || !may_have_expired(client))) return;
  client.in_doubt = true;
  membership_ends(index, client.offline_from_ns);
}

void BrokerOracle::reached(ClientIndex client) {
  clients_[client].life = life_;
}

void BrokerOracle::not_heard(ClientIndex client) {
  clients_[client].expiries.pop_back();
  int64_t& first_ns = clients_[client].first_attempt_ns;
  if (first_ns == clients_[client].connecting_ns) first_ns = INT64_MAX;
}

bool BrokerOracle::connected(ClientIndex index, const SessionTerms& terms, bool session_present) {
  Client& client = clients_[index];
  client.online = true;
  settle_delayed_will(client, session_present);
  // Nor does a log that takes nothing record it.
  if (!is_void(client) && !promises_.may_refuse) expiry_is_known(client);
  if (terms.clean_start && session_present) breach(index, "a new session is said to be present");
  if (!session_present) {
    if (client.promised && !client.in_doubt && !may_have_expired(client) && !damaged_)
      breach(index, "its session is gone");
    if (client.promised && !terms.clean_start) ++tally_.sessions_expired;
    begin_session(client);
    client.is_kept = terms.expiry_us > 0;
    client.promised = !is_void(client);
    client.in_doubt = is_void(client);
    return true;
  }
  if (is_void(client)) return false;  // which session there is, the next life says
  if (client.promised && must_have_expired(client)) breach(index, "its session is there long after it should expire");
  if (client.promised) ++tally_.sessions_resumed;
  std::erase_if(client.returns, [&](const Return& each) { return each.at_ns <= now_ns() - kHorizonNs; });
  client.returns.push_back({now_ns(), client.offline_from_ns});
  client.unrecorded_from_ns = INT64_MAX;
  client.promised = true;
  if (!std::exchange(client.in_doubt, false)) return false;
  // Its subscriptions may be there or not; nothing that was sent before is sure to come.
  membership_ends(index, client.offline_from_ns);
  ++client.session;
  client.session_from_ns = 0;
  client.session_known_ns = now_ns();
  client.is_kept = true;
  client.changed_ns = now_ns();
  for (Interest& interest : client.interests) interest.acknowledged = false, interest.acknowledged_ns = INT64_MAX;
  client.receipts.clear();
  client.newest.clear();
  return true;
}

int64_t BrokerOracle::bounded_expiry_us(int64_t expiry_us) const {
  return promises_.session_expiry_us == 0 ? expiry_us : std::min(expiry_us, promises_.session_expiry_us);
}

void BrokerOracle::expires_after(ClientIndex client, int64_t expiry_us) {
  clients_[client].expiries.push_back({now_ns(), bounded_expiry_us(expiry_us)});
}

BrokerOracle::ExpiryRange BrokerOracle::range_of(const std::vector<Expiry>& expiries) {
  ExpiryRange range{.min_us = SessionTerms::kNever, .max_us = 0};
  if (expiries.empty()) return {};
  for (size_t i = expiries.size(); i-- > 0;) {
    range.min_us = std::min(range.min_us, expiries[i].us);
    range.max_us = std::max(range.max_us, expiries[i].us);
    if (expiries[i].is_known) break;
  }
  return range;
}

// Older ones are kept as long as a death may bring them back. A CONNECT that was given up without an answer may still
// be read, and take this connection over.
void BrokerOracle::expiry_is_known(Client& client) const {
  for (size_t i = client.expiries.size() - 1; i-- > 0 && !client.expiries[i].is_known;)
    if (client.expiries[i].at_ns > now_ns() - kUnderWayNs) return;
  client.expiries.back().is_known = true;
  client.expiries.back().at_ns = now_ns();
  size_t needed = client.expiries.size() - 1;
  while (needed > 0 && (!client.expiries[needed].is_known || client.expiries[needed].at_ns > now_ns() - kHorizonNs))
    --needed;
  client.expiries.erase(client.expiries.begin(), client.expiries.begin() + static_cast<ptrdiff_t>(needed));
}

void BrokerOracle::offline(ClientIndex index, bool was_established, int64_t from_ns, int64_t until_ns) {
  Client& client = clients_[index];
  client.online = false;
  client.offline_since_start = client.life < life_;
  // It learns late that the broker has died.
  if (client.life < life_) {
    from_ns = std::min(from_ns, std::max(deaths_[client.life].at_ns, client.connecting_ns));
    from_ns = std::min(from_ns, client.unrecorded_from_ns);
  }
  if (was_established) client.offline_from_ns = from_ns;
  client.offline_until_ns = std::max(client.offline_until_ns, until_ns);
  members_trouble(client, until_ns);
  clear_suspicions(index);
}

int64_t BrokerOracle::wall_elapsed_us_max(int64_t since_ns) const {
  if (since_ns == INT64_MAX) return 0;
  int64_t elapsed_us = (now_ns() - since_ns) / core::kNsPerUs;
  elapsed_us += elapsed_us / 100 + 1'000'000;  // it drifts, too
  // What comes in a turn has the time at which that began.
  for (const Jump& jump : jumps_)
    if (jump.at_ns >= since_ns - promises_.turn_ns_max) elapsed_us += std::max<int64_t>(jump.by_us, 0);
  return elapsed_us;
}

// By what was asked for before this connection.
bool BrokerOracle::may_have_expired(const Client& client) const {
  if (client.expiry.min_us == SessionTerms::kNever) return false;
  if (promises_.may_refuse) return true;  // a log that takes nothing does not know who was online last
  return wall_elapsed_us_max(client.offline_from_ns) >= client.expiry.min_us;
}

bool BrokerOracle::must_have_expired(const Client& client) const {
  if (client.expiry.max_us == SessionTerms::kNever || promises_.may_be_late || !jumps_.empty() || damaged_)
    return false;
  return client.expiry.max_us == 0 || was_offline_for(client, client.expiry.max_us);  // 0: with the connection
}

// For certain, before this connection.
bool BrokerOracle::was_offline_for(const Client& client, int64_t us) const {
  int64_t since_ns = client.offline_until_ns;
  if (client.offline_since_start) since_ns = std::max(since_ns, serving_since_ns_);
  const int64_t ns = us * core::kNsPerUs;
  return client.connecting_ns > since_ns && client.connecting_ns - since_ns > ns + ns / 100 + kExpiryLateNs;
}

// For certain, and whatever becomes of it later.
bool BrokerOracle::has_session(const Client& client) const {
  if (!client.promised || client.in_doubt) return false;
  if (client.online) return true;
  const int64_t expiry_us = range_of(client.expiries).min_us;
  return expiry_us == SessionTerms::kNever ||
         (!promises_.may_refuse && wall_elapsed_us_max(client.offline_from_ns) < expiry_us);
}

void BrokerOracle::broker_died(Loss loss) {
  const bool lossy = loss != Loss::kNothing;
  ++life_;
  deaths_.push_back({now_ns(), loss});
  const int64_t served_ns = std::exchange(serving_since_ns_, INT64_MAX);
  stopping_ = false;
  for (Message& message : messages_) {
    const bool recent = promises_.may_refuse || lossy || now_ns() - message.cancelled_ns < kDisconnectNs;
    if (message.will == Will::kCancelled && recent) message.will = Will::kInDoubt;
  }
  groups_outlive_death(lossy);
  // What was offline long enough stays so since then; of the others the next life only knows that they are.
  const int64_t recorded_ns = now_ns() - (lossy ? kHorizonNs : kOfflineRecordedNs);
  for (Client& client : clients_) {
    // A start records that those are offline that it does not find so.
    if (client.offline_since_start && served_ns <= recorded_ns) {
      client.offline_until_ns = std::max(client.offline_until_ns, served_ns);
      client.offline_since_start = false;
    }
    client.offline_since_start |= client.online || client.offline_until_ns > recorded_ns;
  }
  if (!lossy) return;
  const int64_t horizon_ns = now_ns() - kHorizonNs;
  for (Message& message : messages_) {
    if (message.sent_ns == INT64_MAX) continue;
    // What set it may be lost with the rest, though its client hears of the death only later.
    if (message.will == Will::kArmed && message.sent_ns > horizon_ns) message.will = Will::kInDoubt;
    if (message.will == Will::kDelayed) message.will = Will::kInDoubt;
    // A will that was due has been recorded as published, perhaps, and that is gone, too.
    if (message.is_will ? message.will != Will::kNone : message.acknowledged_ns > horizon_ns) {
      message.owed_to.clear();
      message.owed_to_groups.clear();
      message.acknowledged = false;
      message.acknowledged_ns = INT64_MAX;
    }
  }
  for (ClientIndex index = 0; index < clients_.size(); ++index) forget_recent(clients_[index], index, horizon_ns);
}

void BrokerOracle::forget_recent(Client& client, ClientIndex index, int64_t horizon_ns) {
  client.newest.clear();
  for (auto& [message, receipt] : client.receipts) receipt.at_qos2 = false, receipt.is_forgiven = true;
  client.unrecorded_from_ns = INT64_MAX;
  for (const Return& each : client.returns)
    if (each.at_ns > horizon_ns) client.unrecorded_from_ns = std::min(client.unrecorded_from_ns, each.offline_from_ns);
  client.offline_from_ns = std::min(client.offline_from_ns, client.unrecorded_from_ns);
  for (Expiry& expiry : client.expiries) expiry.is_known = expiry.is_known && expiry.at_ns <= horizon_ns;
  if (client.changed_ns <= horizon_ns) return;
  client.promised = false;
  client.in_doubt = true;
  client.session_from_ns = 0;
  membership_ends(index, horizon_ns);
  for (Interest& interest : client.interests) {
    interest.acknowledged = false;
    interest.acknowledged_ns = INT64_MAX;
    interest.may_be_back = true;
  }
  for (Interest& interest : client.former) {
    if (interest.until_ns <= horizon_ns) continue;
    interest.acknowledged = false;
    interest.acknowledged_ns = INT64_MAX;
    interest.may_be_back = true;
    client.interests.push_back(std::move(interest));
  }
  client.former.clear();
  for (Message& message : messages_) message.owed_to.erase(index);
}

}  // namespace penstock::sim
