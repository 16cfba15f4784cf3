#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/config.hpp"
#include "common/nats/link.hpp"

namespace fraiseql {

/// The messages of this bridge that the stream holds beyond the checkpoint: rows that a killed one had published and not
/// yet noted. They are skipped, so that the stream holds each once however long the bridge was away. A row is known by id
/// and pk: a copied row has the id of another one, and is not published because that one is.
class Tail {
 public:
  /// Reads the headers of all messages after `after_seq` by an ephemeral consumer in memory, and keeps those whose
  /// Fraiseql-Source is `source`: about 100 bytes each. Asks `go_on` now and then, and ends early when that is false. Throws
  /// Unavailable.
  Tail(const nats::Link& link, const std::string& stream, const std::string& source, std::uint64_t after_seq, const std::function<bool()>& go_on);

  std::size_t size() const { return ids_.size(); }  ///< that are left
  /// Where the stream holds the message of the row with this id and pk; 0: it does not. It is not left then.
  std::uint64_t take(std::string_view id, std::int64_t pk);
  /// The lowest sequence that has not been taken; the highest number: none is left.
  std::uint64_t first_left();
  void forget();  ///< what is left belongs to no row that is still to come

 private:
  struct Key {
    std::array<char, 36> id;
    std::int64_t pk;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    std::size_t operator()(const Key& key) const { return std::hash<std::string_view>()({key.id.data(), key.id.size()}) ^ static_cast<std::size_t>(key.pk); }
  };
  std::unordered_map<Key, std::size_t, Hash> ids_;  ///< to the index in seqs_
  std::vector<std::uint64_t> seqs_;                 ///< ascending; 0: taken
  std::size_t first_ = 0;
};

}  // namespace fraiseql
