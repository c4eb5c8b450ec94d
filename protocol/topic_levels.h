// TopicLevels: the levels of a topic name or filter in order, without copying: "/a//b" has the levels "", "a", "", "b".
#pragma once

#include <algorithm>
#include <cstring>
#include <iterator>
#include <string_view>

namespace penstock::protocol {

// A range for `for (std::string_view level : TopicLevels(text))`. At least one level, also for an empty text.
class TopicLevels {
 public:
  class Iterator {
   public:
    using value_type = std::string_view;
    using difference_type = std::ptrdiff_t;

    Iterator() = default;
    explicit Iterator(std::string_view text) : rest_(text) { cut(); }

    std::string_view operator*() const { return level_; }
    // Level and everything after it: "b/c" at the second level of "a/b/c".
    std::string_view remainder() const { return rest_; }
    Iterator& operator++() {
      if (level_.size() == rest_.size()) {
        at_end_ = true;
      } else {
        rest_.remove_prefix(level_.size() + 1);
        cut();
      }
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      ++*this;
      return before;
    }
    bool operator==(const Iterator& other) const {
      return at_end_ == other.at_end_ && (at_end_ || rest_.data() == other.rest_.data());
    }
    bool operator==(std::default_sentinel_t) const { return at_end_; }

   private:
    void cut() {
      const void* slash = rest_.empty() ? nullptr : std::memchr(rest_.data(), '/', rest_.size());
      level_ = slash == nullptr ? rest_ : rest_.substr(0, static_cast<const char*>(slash) - rest_.data());
    }

    std::string_view rest_;
    std::string_view level_;
    bool at_end_ = false;
  };

  explicit TopicLevels(std::string_view text) : text_(text) {}
  Iterator begin() const { return Iterator(text_); }
  std::default_sentinel_t end() const { return {}; }

 private:
  std::string_view text_;
};

inline size_t count_levels(std::string_view text) {
  return static_cast<size_t>(std::count(text.begin(), text.end(), '/')) + 1;
}

}  // namespace penstock::protocol
