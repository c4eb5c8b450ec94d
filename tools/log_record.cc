#include "tools/log_record.h"

#include "broker/state_records.h"
#include "protocol/topic_filter.h"

namespace penstock::tools {
namespace {

constexpr size_t kPayloadShown = 60;

bool has_topic(const log::RecordView& record) {
  return record.header().topic_bytes != 0;
}

bool is_application_message(log::RecordType type) {
  return type == log::kMessage || type == static_cast<log::RecordType>(broker::StateRecord::kDirectMessage) ||
         type == static_cast<log::RecordType>(broker::StateRecord::kWillSet);
}

std::string delivery_text(const broker::Delivery& delivery) {
  return "packet " + std::to_string(delivery.packet_id.value()) + " QoS " +
         std::to_string(static_cast<int>(delivery.qos)) + " of log " + std::to_string(delivery.log.value()) +
         " sequence " + std::to_string(delivery.sequence.value()) + (delivery.shared ? ", of a group" : "");
}

// What the payload of a state record says; empty where it says nothing.
std::string state_text(const log::RecordView& record) {
  switch (static_cast<broker::StateRecord>(record.header().type)) {
    case broker::StateRecord::kSubscribed: {
      const auto state = broker::decode_subscribed(record.payload());
      if (!state) return "its payload is not understood";
      std::string text;
      for (const broker::GrantedFilter& each : state->filters) {
        text += (text.empty() ? "" : ", ") + printable(each.filter) + " QoS " +
                std::to_string(static_cast<int>(each.terms.qos()));
      }
      return text;
    }
    case broker::StateRecord::kUnsubscribed: {
      const auto filters = broker::decode_unsubscribed(record.payload());
      if (!filters) return "its payload is not understood";
      std::string text;
      for (const std::string_view filter : *filters) text += (text.empty() ? "" : ", ") + printable(filter);
      return text;
    }
    case broker::StateRecord::kSessionProgress: {
      const auto state = broker::decode_progress(record.payload());
      if (!state) return "its payload is not understood";
      std::string text = state->presence == broker::Presence::kOnline ? "online" : "offline";
      if (state->presence == broker::Presence::kOfflineSinceCrash) text += " since a crash";
      if (!state->deliveries.empty()) text += ", " + std::to_string(state->deliveries.size()) + " in flight";
      for (const broker::LogProgress& each : state->done.entries()) {
        text += ", log " + std::to_string(each.log.value()) + " up to " + std::to_string(each.sequence.value());
      }
      return text;
    }
    case broker::StateRecord::kDeliveryStarted: {
      const auto delivery = broker::decode_delivery(record.payload());
      return delivery ? delivery_text(*delivery) : "its payload is not understood";
    }
    case broker::StateRecord::kDeliveryReleased:
    case broker::StateRecord::kInboundReleased:
      return "packet " + std::to_string(record.header().packet_id);
    default:
      return {};
  }
}

}  // namespace

std::string record_type_text(log::RecordType type) {
  const char* const name = broker::record_type_name(type);
  return name != nullptr ? name : "type " + std::to_string(type);
}

log::LogPosition position_of(log::LogId log, log::RecordView record) {
  return {log, record.header().epoch, record.sequence()};
}

std::string record_line(log::LogId log, log::RecordView record) {
  const log::RecordHeader& header = record.header();
  std::string line = log::to_string(position_of(log, record)) + "  " + time_text(header.wall_us) + "  " +
                     record_type_text(header.type);
  if (!record.publisher().empty()) line += "  client=" + printable(record.publisher());
  if (has_topic(record)) line += "  topic=" + printable(record.topic());
  if (!is_application_message(header.type)) {
    const std::string state = state_text(record);
    return state.empty() ? line : line + "  " + state;
  }
  line += "  QoS " + std::to_string(record.qos());
  if (record.retain()) line += "  retain";
  line += "  " + std::to_string(record.payload().size()) + " B";
  if (record.payload().empty()) return line;
  return line + "  " +
         (is_text(record.payload())
              ? printable(core::as_text(record.payload()), kPayloadShown)
              : "base64:" +
                    base64(record.payload().first(std::min<size_t>(record.payload().size(), kPayloadShown / 4 * 3))));
}

Json record_json(log::LogId log, log::LogOffset offset, log::RecordView record) {
  const log::RecordHeader& header = record.header();
  Json json{{"id", log::to_string(position_of(log, record))},
            {"log", log.value()},
            {"epoch", header.epoch},
            {"sequence", header.sequence},
            {"offset", offset.value()},
            {"bytes", header.bytes},
            {"time", time_text(header.wall_us)},
            {"time_us", header.wall_us},
            {"type", record_type_text(header.type)},
            {"flags", header.flags}};
  if (!record.publisher().empty()) json["client"] = record.publisher();
  if (has_topic(record)) json["topic"] = record.topic();
  if (header.packet_id != 0) json["packet_id"] = header.packet_id;
  if (!is_application_message(header.type)) {
    const std::string state = state_text(record);
    if (!state.empty()) json["state"] = state;
    return json;
  }
  json["qos"] = record.qos();
  json["retain"] = record.retain();
  if (!record.properties().empty()) json["properties_base64"] = base64(record.properties());
  if (is_text(record.payload())) {
    json["payload"] = core::as_text(record.payload());
  } else {
    json["payload_base64"] = base64(record.payload());
  }
  return json;
}

void print_record(Tool& tool, log::LogId log, log::LogOffset offset, log::RecordView record) {
  tool.out << (tool.json ? to_line(record_json(log, offset, record)) : record_line(log, record)) << "\n";
}

bool accepts(const RecordFilter& filter, log::LogId log, log::RecordView record) {
  const log::RecordHeader& header = record.header();
  if (filter.log && *filter.log != log.value()) return false;
  if (filter.from_us && header.wall_us < *filter.from_us) return false;
  if (filter.to_us && header.wall_us >= *filter.to_us) return false;
  if (!filter.client_id.empty() && record.publisher() != filter.client_id) return false;
  if (!filter.type.empty() && record_type_text(header.type) != filter.type) return false;
  if (filter.topic_filter.empty()) return true;
  return has_topic(record) && protocol::matches(protocol::TopicFilter::accepted(filter.topic_filter),
                                                protocol::TopicName::accepted(record.topic()));
}

}  // namespace penstock::tools
