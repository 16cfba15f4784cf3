#include "bridge/tail.hpp"

#include <charconv>

#include "common/nats/scan.hpp"

namespace fraiseql {

Tail::Tail(const nats::Link& link, const std::string& stream, const std::string& source, std::uint64_t after_seq,
           const std::function<bool()>& go_on) {
  constexpr int at_once = 5000;
  int read = 0;
  nats::scan(link, stream, {.subject = "", .after_seq = after_seq, .from_time = "", .batch = at_once},
             [&](const nats::Scanned& message) {
               if (++read % 1000 == 0 && !go_on()) return false;
               const std::string_view id = message.header("Nats-Msg-Id"), pk = message.header("Fraiseql-Pk");
               if (id.size() != 36 || message.header("Fraiseql-Source") != source) return true;
               Key key{};
               std::memcpy(key.id.data(), id.data(), key.id.size());
               std::from_chars(pk.data(), pk.data() + pk.size(), key.pk);
               if (ids_.emplace(key, seqs_.size()).second) seqs_.push_back(message.seq);
               return true;
             });
}

std::uint64_t Tail::take(std::string_view id, std::int64_t pk) {
  if (ids_.empty() || id.size() != 36) return 0;
  Key key{};
  std::memcpy(key.id.data(), id.data(), key.id.size());
  key.pk = pk;
  const auto found = ids_.find(key);
  if (found == ids_.end()) return 0;
  const std::uint64_t seq = std::exchange(seqs_[found->second], 0);
  ids_.erase(found);
  return seq;
}

std::uint64_t Tail::first_left() {
  while (first_ < seqs_.size() && seqs_[first_] == 0) ++first_;
  return first_ < seqs_.size() ? seqs_[first_] : UINT64_MAX;
}

void Tail::forget() {
  ids_ = {};
  seqs_ = {};
  first_ = 0;
}

}  // namespace fraiseql
