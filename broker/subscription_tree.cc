#include "broker/subscription_tree.h"

#ifndef XXH_INLINE_ALL
#define XXH_INLINE_ALL
#endif
#include <xxhash.h>

#include <algorithm>
#include <utility>

#include "core/check.h"

namespace penstock::broker {
namespace {

std::string_view first_level(std::string_view text) {
  return text.substr(0, text.find('/'));
}

// Whether the rest of a filter agrees with the rest of a name; both begin at the same level, and the filter is valid:
// a wildcard fills its level, "#" is the last one.
bool rest_matches(std::string_view filter, std::string_view name) {
  size_t at = 0;
  for (size_t i = 0; i < filter.size(); ++i) {
    if (filter[i] == '#') return true;
    if (filter[i] == '+') {
      at = std::min(name.find('/', at), name.size());
    } else if (at < name.size() && filter[i] == name[at]) {
      ++at;
    } else {
      // "sport/#" matches "sport" too. [MQTT-4.7.1-2]
      return at == name.size() && filter.substr(i) == "/#";
    }
  }
  return at == name.size();
}

}  // namespace

SubscriptionTree::SubscriptionTree(uint64_t seed) : seed_(seed) {
  CHECK_EQ(new_node(kNone, "", 0), kRoot);
}

uint32_t SubscriptionTree::hash_of(std::string_view text) const {
  return static_cast<uint32_t>(XXH3_64bits_withSeed(text.data(), text.size(), seed_));
}

uint32_t SubscriptionTree::edge_hash(uint32_t node, std::string_view level) const {
  constexpr uint64_t kSpread = 0x9e3779b97f4a7c15;  // golden ratio: neighbouring nodes differ in all bits
  return static_cast<uint32_t>(XXH3_64bits_withSeed(level.data(), level.size(), seed_ ^ (node + 1) * kSpread));
}

// Looking up.

SubscriptionTree::Reference SubscriptionTree::find_exact(std::string_view text) const {
  return exact_.find(hash_of(text), [&](Reference filter) { return filter_of(filter).text.view() == text; });
}

SubscriptionTree::Reference SubscriptionTree::find_edge(uint32_t node, std::string_view level, uint32_t hash) const {
  return edges_.find(hash, [&](Reference item) {
    if (!is_filter(item)) return nodes_[item].parent == node && nodes_[item].level.view() == level;
    const Filter& filter = filter_of(item);
    return filter.node == node && first_level(filter.text.view().substr(nodes_[node].children_at)) == level;
  });
}

SubscriptionTree::Reference SubscriptionTree::find_any_edge(uint32_t node, std::string_view level) const {
  return level == "+" ? nodes_[node].plus : find_edge(node, level, edge_hash(node, level));
}

SubscriptionTree::Reference SubscriptionTree::find_wildcard(std::string_view text) const {
  for (uint32_t node = kRoot;;) {
    const std::string_view rest = text.substr(nodes_[node].children_at);
    const std::string_view level = first_level(rest);
    if (level == "#") return nodes_[node].hash;
    const Reference item = find_any_edge(node, level);
    if (item == kNone) return kNone;
    if (is_filter(item)) return filter_of(item).text.view() == text ? item : kNone;
    if (level.size() == rest.size()) return nodes_[item].end;
    node = item;
  }
}

std::optional<FilterId> SubscriptionTree::find(protocol::TopicFilter filter) const {
  const Reference found = filter.has_wildcard() ? find_wildcard(filter.text()) : find_exact(filter.text());
  if (found == kNone) return std::nullopt;
  const uint32_t slot = found & ~kFilterBit;
  return FilterId{slot, filters_[slot].generation};
}

bool SubscriptionTree::contains(FilterId id) const {
  return id.slot < filters_.size() && filters_[id.slot].node != kFree && filters_[id.slot].generation == id.generation;
}

protocol::TopicFilter SubscriptionTree::filter(FilterId id) const {
  CHECK(contains(id));
  return protocol::TopicFilter::accepted(filters_[id.slot].text.view());
}

// Changing.

uint32_t SubscriptionTree::new_filter(std::string_view text) {
  uint32_t slot;
  if (free_slots_.empty()) {
    slot = filters_.grow();
    CHECK_LT(slot, kFilterBit);
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
  }
  filters_[slot].text = CompactText(text);
  return slot;
}

uint32_t SubscriptionTree::new_node(uint32_t parent, std::string_view level, uint32_t children_at) {
  uint32_t index;
  if (free_nodes_.empty()) {
    index = nodes_.grow();
    CHECK_LT(index, kFilterBit);
  } else {
    index = free_nodes_.back();
    free_nodes_.pop_back();
  }
  Node& node = nodes_[index];
  node = Node{};
  node.level = CompactText(level);
  node.parent = parent;
  node.children_at = children_at;
  return index;
}

SubscriptionTree::Inserted SubscriptionTree::insert(protocol::TopicFilter filter) {
  if (const std::optional<FilterId> found = find(filter)) return {*found, false};
  const uint32_t slot = new_filter(filter.text());
  const Reference reference = slot | kFilterBit;
  if (filter.has_wildcard()) {
    insert_wildcard(reference, filter.text());
    ++wildcards_count_;
  } else {
    filters_[slot].node = kExact;
    exact_.insert(hash_of(filter.text()), reference);
  }
  return {FilterId{slot, filters_[slot].generation}, true};
}

void SubscriptionTree::insert_wildcard(Reference filter, std::string_view text) {
  size_t depth = 0;
  for (uint32_t node = kRoot;;) {
    const std::string_view rest = text.substr(nodes_[node].children_at);
    const std::string_view level = first_level(rest);
    Reference item = level == "#" ? kNone : find_any_edge(node, level);
    if (item == kNone) return hang(node, level, filter);
    if (is_filter(item)) {
      // Somebody is alone on this edge: a node takes its place, and it moves one level down.
      const Reference moved = item;
      item = new_node(node, level, nodes_[node].children_at + static_cast<uint32_t>(level.size()) + 1);
      exchange(node, level, moved, item);
      const std::string_view moved_text = filter_of(moved).text.view();
      if (moved_text.size() < nodes_[item].children_at) {
        hang_end(item, moved);
      } else {
        hang(item, first_level(moved_text.substr(nodes_[item].children_at)), moved);
      }
    }
    if (++depth > steps_.size()) steps_.resize(depth);
    if (level.size() == rest.size()) return hang_end(item, filter);
    node = item;
  }
}

void SubscriptionTree::note_item(uint32_t node, Reference item, int change) {
  nodes_[node].items_count += static_cast<uint32_t>(change);
  nodes_[node].items_xor ^= item;
}

void SubscriptionTree::hang(uint32_t node, std::string_view level, Reference item) {
  if (level == "#") {
    nodes_[node].hash = item;
  } else if (level == "+") {
    nodes_[node].plus = item;
  } else {
    edges_.insert(edge_hash(node, level), item);
  }
  note_item(node, item, 1);
  if (is_filter(item)) filter_of(item).node = node;
}

void SubscriptionTree::hang_end(uint32_t node, Reference filter) {
  nodes_[node].end = filter;
  note_item(node, filter, 1);
  filter_of(filter).node = node;
}

void SubscriptionTree::unhang(uint32_t node, std::string_view level, Reference item) {
  if (level == "#") {
    nodes_[node].hash = kNone;
  } else if (level == "+") {
    nodes_[node].plus = kNone;
  } else {
    edges_.erase(edge_hash(node, level), item);
  }
  note_item(node, item, -1);
}

void SubscriptionTree::exchange(uint32_t node, std::string_view level, Reference item, Reference replacement) {
  if (level == "+") {
    nodes_[node].plus = replacement;
  } else {
    edges_.replace(edge_hash(node, level), item, replacement);
  }
  nodes_[node].items_xor ^= item ^ replacement;
  if (is_filter(replacement)) filter_of(replacement).node = node;
}

void SubscriptionTree::erase(FilterId id) {
  CHECK(contains(id));
  const Reference reference = id.slot | kFilterBit;
  Filter& filter = filters_[id.slot];
  if (filter.node == kExact) {
    exact_.erase(hash_of(filter.text.view()), reference);
  } else {
    const uint32_t node = filter.node;
    erase_wildcard(reference);
    shrink(node);
    --wildcards_count_;
  }
  filter.text = CompactText();
  filter.node = kFree;
  ++filter.generation;
  free_slots_.push_back(id.slot);
}

// Takes the filter off its node.
void SubscriptionTree::erase_wildcard(Reference filter) {
  const uint32_t node = filter_of(filter).node;
  if (nodes_[node].end == filter) {
    nodes_[node].end = kNone;
    note_item(node, filter, -1);
  } else {
    unhang(node, first_level(filter_of(filter).text.view().substr(nodes_[node].children_at)), filter);
  }
}

// A node where only one filter is left is no fork any more: the filter moves up to the edge that leads here.
void SubscriptionTree::shrink(uint32_t node) {
  while (node != kRoot && nodes_[node].items_count == 1 && is_filter(nodes_[node].items_xor)) {
    const Reference last = nodes_[node].items_xor;
    const uint32_t parent = nodes_[node].parent;
    erase_wildcard(last);
    exchange(parent, nodes_[node].level.view(), node, last);
    nodes_[node] = Node{};
    free_nodes_.push_back(node);
    node = parent;
  }
  CHECK(node == kRoot || nodes_[node].items_count > 0);
}

// Matching.

void SubscriptionTree::add(Reference filter, std::vector<FilterId>& matches) const {
  matches.push_back({filter & ~kFilterBit, filter_of(filter).generation});
}

void SubscriptionTree::match(protocol::TopicName name, std::vector<FilterId>& matches) const {
  matches.clear();
  const Reference exact = find_exact(name.text());
  if (exact != kNone) add(exact, matches);
  if (wildcards_count_ != 0) match_wildcards(name.text(), matches);
}

void SubscriptionTree::match_wildcards(std::string_view name, std::vector<FilterId>& matches) const {
  // Depth first: the plain edge goes on, the edge "+" waits on steps_, so at most one waits per level of the tree.
  size_t waiting = 0;
  for (Step step{kRoot, 0};;) {
    const Node& node = nodes_[step.node];
    // Wildcards at the first level do not match names that begin with "$". [MQTT-4.7.2-1] [MQTT5-4.7.2-1]
    const bool wildcards_apply = step.node != kRoot || name.empty() || name.front() != '$';
    if (node.hash != kNone && wildcards_apply) add(node.hash, matches);
    Reference item = kNone;
    if (step.at > name.size()) {
      if (node.end != kNone) add(node.end, matches);
    } else {
      const std::string_view rest = name.substr(step.at);
      const std::string_view level = first_level(rest);
      const auto fits = [&](Reference filter) {
        return rest_matches(filter_of(filter).text.view().substr(node.children_at), rest);
      };
      step.at += static_cast<uint32_t>(level.size()) + 1;
      if (node.plus != kNone && wildcards_apply) {
        if (!is_filter(node.plus)) {
          steps_[waiting++] = {node.plus, step.at};
        } else if (fits(node.plus)) {
          add(node.plus, matches);
        }
      }
      const uint32_t special_count = (node.plus != kNone) + (node.hash != kNone) + (node.end != kNone);
      if (node.items_count > special_count) item = find_edge(step.node, level, edge_hash(step.node, level));
      if (item != kNone && is_filter(item)) {
        if (fits(item)) add(item, matches);
        item = kNone;
      }
    }
    if (item != kNone) {
      step.node = item;
    } else {
      if (waiting == 0) return;
      step = steps_[--waiting];
    }
  }
}

size_t SubscriptionTree::memory_bytes() const {
  size_t total = filters_.memory_bytes() + nodes_.memory_bytes() + exact_.memory_bytes() + edges_.memory_bytes() +
                 free_slots_.capacity() * sizeof(uint32_t) + free_nodes_.capacity() * sizeof(uint32_t) +
                 steps_.capacity() * sizeof(Step);
  for (uint32_t slot = 0; slot < filters_.size(); ++slot) total += filters_[slot].text.heap_bytes();
  for (uint32_t node = 0; node < nodes_.size(); ++node) total += nodes_[node].level.heap_bytes();
  return total;
}

}  // namespace penstock::broker
