// SubscriptionTree: which topic filters of this shard match a topic name. One thread, the shard's.
//
// Filters without a wildcard lie in a hash table under their whole text: one look-up. The others form a tree, one level
// of the filter per step, whose edges all lie in one hash table under (node, level), so a step costs the same with one
// filter and with a million. A filter that is alone below an edge hangs there with the rest of its text; nodes arise
// only where filters part, and go when they no longer do.
//
// Never allocates while matching. The cost of a match is the number of nodes that agree with the name so far: filters
// that combine "x" and "+" on n levels can make that 2^n, so the number of filters of a session must be bounded by its
// owner.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "broker/compact_text.h"
#include "broker/filter_id.h"
#include "broker/paged_vector.h"
#include "broker/reference_table.h"
#include "protocol/topic_filter.h"
#include "protocol/topic_name.h"

namespace penstock::broker {

class SubscriptionTree {
 public:
  // `seed`: from core::Random, so that no peer can build filters that collide.
  explicit SubscriptionTree(uint64_t seed);

  struct Inserted {
    FilterId id;
    bool is_new;
  };
  Inserted insert(protocol::TopicFilter filter);
  std::optional<FilterId> find(protocol::TopicFilter filter) const;
  // The filter is there (contains(id)).
  void erase(FilterId id);

  // Replaces the contents of `matches` by the filters that match, each once, in no particular order. [MQTT-4.7.1-2]
  void match(protocol::TopicName name, std::vector<FilterId>& matches) const;

  bool contains(FilterId id) const;
  // Of the filter in this slot, which is below slot_end(); one that contains() denies when there is none.
  FilterId id_of(uint32_t slot) const { return {slot, filters_[slot].generation}; }
  // Lives until the filter is erased.
  protocol::TopicFilter filter(FilterId id) const;
  size_t size() const { return filters_.size() - free_slots_.size(); }
  // All slots in use are below this. It never falls.
  uint32_t slot_end() const { return filters_.size(); }
  // Without the allocator's own share.
  size_t memory_bytes() const;

 private:
  // What hangs on an edge: a node, or a filter (kFilterBit set) that is alone there; kNone: nothing.
  using Reference = uint32_t;
  static constexpr Reference kNone = ReferenceTable::kNone;
  static constexpr Reference kFilterBit = 1u << 31;
  static constexpr uint32_t kExact = UINT32_MAX - 1;  // `node` of a filter without wildcard
  static constexpr uint32_t kFree = UINT32_MAX;       // `node` of a slot that is not in use
  static constexpr uint32_t kRoot = 0;

  struct Filter {
    CompactText text;
    uint32_t generation = 0;
    uint32_t node = kFree;  // the node on whose edge it hangs
  };
  struct Node {
    CompactText level;
    uint32_t parent = kNone;
    uint32_t children_at = 0;  // where the next level begins in the text of every filter below
    Reference plus = kNone;    // the edge "+"
    Reference hash = kNone;    // the filter that ends with "#" here
    Reference end = kNone;     // the filter that ends with this node's own level
    uint32_t items_count = 0;  // plus, hash, end and the edges in edges_
    Reference items_xor = 0;   // of all their references: names the last one that is left
  };
  struct Step {
    uint32_t node;
    uint32_t at;  // where in the name the next level begins; one past the end: no level is left
  };

  static bool is_filter(Reference reference) { return (reference & kFilterBit) != 0; }
  const Filter& filter_of(Reference reference) const { return filters_[reference & ~kFilterBit]; }
  Filter& filter_of(Reference reference) { return filters_[reference & ~kFilterBit]; }

  uint32_t hash_of(std::string_view text) const;
  uint32_t edge_hash(uint32_t node, std::string_view level) const;
  Reference find_exact(std::string_view text) const;
  Reference find_wildcard(std::string_view text) const;
  Reference find_edge(uint32_t node, std::string_view level, uint32_t hash) const;
  Reference find_any_edge(uint32_t node, std::string_view level) const;

  uint32_t new_filter(std::string_view text);
  uint32_t new_node(uint32_t parent, std::string_view level, uint32_t children_at);
  void insert_wildcard(Reference filter, std::string_view text);
  // Hangs `item` on the edge `level` of `node`, which is free.
  void hang(uint32_t node, std::string_view level, Reference item);
  void hang_end(uint32_t node, Reference filter);
  void unhang(uint32_t node, std::string_view level, Reference item);
  void exchange(uint32_t node, std::string_view level, Reference item, Reference replacement);
  void note_item(uint32_t node, Reference item, int change);
  void erase_wildcard(Reference filter);
  void shrink(uint32_t node);

  void match_wildcards(std::string_view name, std::vector<FilterId>& matches) const;
  void add(Reference filter, std::vector<FilterId>& matches) const;

  uint64_t seed_;
  PagedVector<Filter> filters_;
  std::vector<uint32_t> free_slots_;
  PagedVector<Node> nodes_;
  std::vector<uint32_t> free_nodes_;
  ReferenceTable exact_;
  ReferenceTable edges_;
  size_t wildcards_count_ = 0;
  mutable std::vector<Step> steps_;  // as long as the tree was ever deep: matching never grows it
};

}  // namespace penstock::broker
