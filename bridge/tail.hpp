#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <unordered_map>

#include "common/config.hpp"
#include "common/nats/link.hpp"

namespace fraiseql {

/// Ids of the messages that the stream holds beyond the checkpoint: rows that a killed bridge had published and not yet
/// noted. They are skipped, so that the stream holds each once however long the bridge was away.
class Tail {
 public:
  /// Reads the ids of all messages after `after_seq`, headers only, by an ephemeral consumer in memory. Throws Unavailable.
  Tail(const nats::Link& link, const std::string& stream, std::uint64_t after_seq);

  std::size_t size() const { return ids_.size(); }
  /// Where the stream holds the message with this id; 0: it does not.
  std::uint64_t find(std::string_view id) const;
  void clear() { ids_.clear(); }

 private:
  using Id = std::array<char, 36>;
  struct Hash {
    std::size_t operator()(const Id& id) const { return std::hash<std::string_view>()({id.data(), id.size()}); }
  };
  std::unordered_map<Id, std::uint64_t, Hash> ids_;
};

}  // namespace fraiseql
