#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace fraiseql {

/// Which message of an entity has its turn: one after the other, by stream sequence. One that has its turn keeps it, even
/// when an earlier change is delivered again behind it. Pure.
class EntityOrder {
 public:
  /// Takes a message into its entity's line. True: it has its turn now.
  bool add(const std::string& entity, std::uint64_t stream_seq, std::uint64_t id);
  /// Takes it out. Returns the message whose turn has come by that.
  std::optional<std::uint64_t> remove(const std::string& entity, std::uint64_t id);
  /// Whether it has its turn.
  bool first(const std::string& entity, std::uint64_t id) const;
  /// Everybody who waits behind the one with the turn.
  std::vector<std::uint64_t> behind(const std::string& entity) const;

 private:
  struct Place {
    std::uint64_t stream_seq, id;
  };
  std::unordered_map<std::string, std::vector<Place>> lines_;  // seldom more than one: a deque each would be half a KiB
};

}  // namespace fraiseql
