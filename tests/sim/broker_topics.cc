#include "tests/sim/broker_topics.h"

#include <algorithm>

namespace penstock::sim {
namespace {

constexpr std::string_view kShare = "$share/";
constexpr std::string_view kPeer = "p2p/";

bool filter_matches(std::string_view filter, std::string_view topic) {
  if (filter == "#") return true;
  const size_t filter_end = std::min(filter.find('/'), filter.size());
  const size_t topic_end = std::min(topic.find('/'), topic.size());
  if (filter.substr(0, filter_end) != "+" && filter.substr(0, filter_end) != topic.substr(0, topic_end)) return false;
  const bool filter_ends = filter_end == filter.size();
  if (topic_end == topic.size()) return filter_ends || filter.substr(filter_end) == "/#";
  return !filter_ends && filter_matches(filter.substr(filter_end + 1), topic.substr(topic_end + 1));
}

}  // namespace

bool is_shared(std::string_view filter) {
  return filter.starts_with(kShare);
}

std::string_view plain_filter(std::string_view filter) {
  return is_shared(filter) ? filter.substr(filter.find('/', kShare.size()) + 1) : filter;
}

std::string_view peer_of(std::string_view topic) {
  const size_t parent_end = topic.find('/');
  if (parent_end == 0 || parent_end == std::string_view::npos) return {};
  const std::string_view rest = topic.substr(parent_end + 1);
  return rest.starts_with(kPeer) ? rest.substr(kPeer.size(), rest.substr(kPeer.size()).find('/')) : std::string_view();
}

bool brings(std::string_view filter, std::string_view topic) {
  return peer_of(topic).empty() && filter_matches(plain_filter(filter), topic);
}

}  // namespace penstock::sim
