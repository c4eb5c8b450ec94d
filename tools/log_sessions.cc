// sessions: what the last checkpoints and the records behind them say about persistent sessions.
#include <map>

#include "broker/state_records.h"
#include "tools/log_checkpoint.h"
#include "tools/log_tool.h"

namespace penstock::tools {
namespace {

using Sessions = std::map<std::string, SessionImage>;

void apply_progress(SessionImage& session, const log::RecordView& record) {
  const auto state = broker::decode_progress(record.payload());
  if (!state) return;
  session.online = state->presence == broker::Presence::kOnline;
  session.since_us = record.header().wall_us;
  session.deliveries = state->deliveries;
}

void apply_message(Sessions& sessions, const log::RecordView& record) {
  const log::RecordHeader& header = record.header();
  const auto publisher = sessions.find(std::string(record.publisher()));
  if (publisher == sessions.end()) return;
  if ((header.flags & broker::kRecordIsWill) != 0) publisher->second.will_topic.clear();
  if ((header.flags & broker::kRecordPublisherPersistent) == 0 || record.qos() != 2) return;
  auto& inbound = publisher->second.inbound;
  if (std::ranges::find(inbound, header.packet_id) == inbound.end()) inbound.push_back(header.packet_id);
}

void replay(Sessions& sessions, const log::RecordView& record) {
  const log::RecordHeader& header = record.header();
  if (header.type == log::kMessage) return apply_message(sessions, record);
  const std::string client_id(record.publisher());
  const auto type = static_cast<broker::StateRecord>(header.type);
  if (type == broker::StateRecord::kSessionOpened) {
    SessionImage& session = sessions[client_id];
    session.online = true;
    session.since_us = header.wall_us;
    return;
  }
  const auto found = sessions.find(client_id);
  if (found == sessions.end()) return;
  SessionImage& session = found->second;
  switch (type) {
    case broker::StateRecord::kSessionEnded:
      sessions.erase(found);
      return;
    case broker::StateRecord::kSubscribed:
      if (const auto state = broker::decode_subscribed(record.payload())) {
        for (const broker::GrantedFilter& each : state->filters) {
          session.subscriptions[std::string(each.filter)].qos = static_cast<int>(each.terms.qos());
        }
      }
      return;
    case broker::StateRecord::kUnsubscribed:
      if (const auto filters = broker::decode_unsubscribed(record.payload())) {
        for (const std::string_view filter : *filters) session.subscriptions.erase(std::string(filter));
      }
      return;
    case broker::StateRecord::kSessionProgress:
      return apply_progress(session, record);
    case broker::StateRecord::kInboundReleased:
      std::erase(session.inbound, header.packet_id);
      return;
    case broker::StateRecord::kWillSet:
      session.will_topic = record.topic();
      return;
    case broker::StateRecord::kWillCleared:
      session.will_topic.clear();
      return;
    default:
      return;
  }
}

Json session_json(const std::string& client_id, const SessionImage& session) {
  Json subscriptions = Json::array();
  for (const auto& [filter, subscription] : session.subscriptions) {
    Json json{{"filter", filter}, {"qos", subscription.qos}};
    if (subscription.waiting_known) json["waiting_at_checkpoint"] = subscription.waiting;
    subscriptions.push_back(std::move(json));
  }
  Json json{{"client", client_id},
            {"online", session.online},
            {"since", time_text(session.since_us)},
            {"in_flight", session.deliveries.size()},
            {"qos2_received", session.inbound.size()},
            {"direct_waiting_at_checkpoint", session.own_waiting},
            {"subscriptions", std::move(subscriptions)}};
  if (!session.will_topic.empty()) json["will_topic"] = session.will_topic;
  return json;
}

void print_session(Tool& tool, const std::string& client_id, const SessionImage& session) {
  if (tool.json) {
    tool.out << to_line(session_json(client_id, session)) << "\n";
    return;
  }
  tool.out << printable(client_id) << "  " << (session.online ? "online" : "offline");
  if (session.since_us > 0) tool.out << " since " << time_text(session.since_us);
  if (!session.deliveries.empty()) tool.out << ", " << session.deliveries.size() << " in flight";
  if (!session.inbound.empty()) tool.out << ", " << session.inbound.size() << " QoS 2 received and not released";
  if (session.own_waiting > 0) tool.out << ", " << session.own_waiting << " direct messages";
  if (!session.will_topic.empty()) tool.out << ", will to " << printable(session.will_topic);
  tool.out << "\n";
  for (const auto& [filter, subscription] : session.subscriptions) {
    tool.out << "  " << printable(filter) << "  QoS " << subscription.qos;
    if (subscription.waiting_known) tool.out << "  " << subscription.waiting << " waiting at the checkpoint";
    tool.out << "\n";
  }
}

}  // namespace

int run_sessions(Tool& tool, const std::string& client_id) {
  const auto logs = find_logs(tool);
  if (!logs) return unusable(tool, logs.error());
  ShardImages images = load_shards(tool);
  Sessions sessions;
  for (const auto& shard : images.shards) sessions.merge(shard->sessions);
  bool damaged = !images.trouble.empty();
  for (const LogPlace& place : *logs) {
    const auto visit = [&](log::LogOffset, log::RecordView record) {
      replay(sessions, record);
      return true;
    };
    const ShardImage* shard = nullptr;
    for (const auto& each : images.shards) {
      if (each->log == place.id) shard = each.get();
    }
    const auto recovered = shard != nullptr
                               ? log::recover_log(tool.storage, place.directory, place.id, shard->start, visit)
                               : log::recover_log(tool.storage, place.directory, place.id, log::LogOffset(0), visit);
    if (!recovered) return unusable(tool, recovered.error());
    damaged |= print_damage(tool, recovered->damage);
  }
  for (const std::string& trouble : images.trouble) tool.err << "penstock-log: DAMAGED: " << printable(trouble) << "\n";
  bool found = client_id.empty();
  for (const auto& [name, session] : sessions) {
    if (!client_id.empty() && name != client_id) continue;
    print_session(tool, name, session);
    found = true;
  }
  if (!found) tool.err << "penstock-log: there is no persistent session \"" << printable(client_id) << "\"\n";
  return damaged || !found ? kTrouble : kFine;
}

}  // namespace penstock::tools
