#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>
#include <utility>

namespace fraiseql {

/// The messages that were settled last: their acks may have been lost with a connection or a server. Pure.
class Settled {
 public:
  explicit Settled(std::size_t kept) : kept_(kept) {}

  /// One event at a place of the stream. In a stream that was made anew a place holds another event.
  void add(std::uint64_t stream_seq, const std::string& event);
  bool has(std::uint64_t stream_seq, const std::string& event) const;

 private:
  struct Entry {
    std::string event;
    std::uint64_t number;  // tells an entry from one that took its place
  };
  std::size_t kept_;
  std::uint64_t next_ = 0;
  std::unordered_map<std::uint64_t, Entry> entries_;
  std::deque<std::pair<std::uint64_t, std::uint64_t>> order_;  // stream sequence and number
};

}  // namespace fraiseql
