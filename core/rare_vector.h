// RareVector: a vector for what nearly no object of a large population has: eight bytes as long as it was never filled.
// One thread.
#pragma once

#include <initializer_list>
#include <memory>
#include <vector>

namespace penstock::core {

template <typename T>
class RareVector {
 public:
  RareVector() = default;
  RareVector(std::initializer_list<T> items) : items_(std::make_unique<std::vector<T>>(items)) {}

  bool empty() const { return items_ == nullptr || items_->empty(); }
  size_t size() const { return items_ == nullptr ? 0 : items_->size(); }
  T* begin() { return items_ == nullptr ? nullptr : items_->data(); }
  T* end() { return begin() + size(); }
  const T* begin() const { return items_ == nullptr ? nullptr : items_->data(); }
  const T* end() const { return begin() + size(); }
  T& front() { return items_->front(); }
  T& back() { return items_->back(); }

  void push_back(T item) {
    if (items_ == nullptr) items_ = std::make_unique<std::vector<T>>();
    items_->push_back(std::move(item));
  }
  // `at`: from begin() to end().
  void insert(const T* at, T item) {
    const auto place = at - begin();
    if (items_ == nullptr) items_ = std::make_unique<std::vector<T>>();
    items_->insert(items_->begin() + place, std::move(item));
  }
  void erase(const T* at) { items_->erase(items_->begin() + (at - begin())); }
  void clear() { items_.reset(); }

 private:
  std::unique_ptr<std::vector<T>> items_;
};

}  // namespace penstock::core
