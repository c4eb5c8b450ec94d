// Slab: objects of one kind side by side in pages, without the allocator's share of each. They never move, and the
// place of one that was given back is used again. One thread.
#pragma once

#include <cstddef>
#include <vector>

#include "broker/paged_vector.h"

namespace penstock::broker {

template <typename T>
class Slab {
 public:
  // A default object.
  T& take() {
    if (free_.empty()) return objects_[objects_.grow()];
    T& object = *free_.back();
    free_.pop_back();
    return object;
  }
  // It came from take(), and nobody uses it any more.
  void give_back(T& object) {
    object = T();
    free_.push_back(&object);
  }

 private:
  PagedVector<T, 10> objects_;
  std::vector<T*> free_;
};

}  // namespace penstock::broker
