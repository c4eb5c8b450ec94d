// LocalShared: a value with several owners on one thread; the last one frees it. Eight bytes an owner, half of what
// std::shared_ptr takes.
#pragma once

#include <cstdint>
#include <utility>

namespace penstock::core {

template <typename T>
class LocalShared {
 public:
  LocalShared() = default;
  explicit LocalShared(T value) : shared_(new Shared{std::move(value), 1}) {}
  LocalShared(const LocalShared& other) : shared_(other.shared_) {
    if (shared_ != nullptr) ++shared_->owners;
  }
  LocalShared(LocalShared&& other) noexcept : shared_(std::exchange(other.shared_, nullptr)) {}
  LocalShared& operator=(LocalShared other) noexcept {
    std::swap(shared_, other.shared_);
    return *this;
  }
  ~LocalShared() {
    if (shared_ != nullptr && --shared_->owners == 0) delete shared_;
  }

  // All owners see a change.
  T& operator*() const { return shared_->value; }
  T* operator->() const { return &shared_->value; }
  bool operator==(std::nullptr_t) const { return shared_ == nullptr; }

 private:
  struct Shared {
    T value;
    uint32_t owners;
  };
  Shared* shared_ = nullptr;
};

}  // namespace penstock::core
