// RareQueue: first in, first out, for what nearly no object of a large population has at a time: eight bytes while it
// is empty. One thread.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <utility>

namespace penstock::core {

template <typename T>
class RareQueue {
 public:
  bool empty() const { return items_ == nullptr; }
  size_t size() const { return items_ == nullptr ? 0 : items_->size(); }
  // References live until the item is taken out.
  T& front() { return items_->front(); }
  auto begin() const { return items_ == nullptr ? Iterator() : items_->cbegin(); }
  auto end() const { return items_ == nullptr ? Iterator() : items_->cend(); }

  void push_back(T item) {
    if (items_ == nullptr) items_ = std::make_unique<std::deque<T>>();
    items_->push_back(std::move(item));
  }
  void pop_front() {
    items_->pop_front();
    if (items_->empty()) items_.reset();
  }
  template <typename Predicate>
  void erase_if(Predicate&& predicate) {
    if (items_ == nullptr) return;
    std::erase_if(*items_, predicate);
    if (items_->empty()) items_.reset();
  }
  void clear() { items_.reset(); }

 private:
  using Iterator = typename std::deque<T>::const_iterator;
  std::unique_ptr<std::deque<T>> items_;
};

}  // namespace penstock::core
