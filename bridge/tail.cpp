#include "bridge/tail.hpp"

#include <charconv>

#include "common/nats/scan.hpp"

namespace fraiseql {

Tail::Tail(const nats::Link& link, const std::string& stream, const std::string& source, std::uint64_t after_seq) {
  constexpr int at_once = 5000;
  nats::scan(link, stream, {.subject = "", .after_seq = after_seq, .from_time = "", .batch = at_once},
             [&](const nats::Scanned& message) {
               const std::string_view id = message.header("Nats-Msg-Id"), pk = message.header("Fraiseql-Pk");
               if (id.size() != 36 || message.header("Fraiseql-Source") != source) return true;
               Key key{};
               std::memcpy(key.id.data(), id.data(), key.id.size());
               std::from_chars(pk.data(), pk.data() + pk.size(), key.pk);
               ids_.emplace(key, message.seq);
               return true;
             });
}

std::uint64_t Tail::find(std::string_view id, std::int64_t pk) const {
  if (ids_.empty() || id.size() != 36) return 0;
  Key key{};
  std::memcpy(key.id.data(), id.data(), key.id.size());
  key.pk = pk;
  const auto found = ids_.find(key);
  return found == ids_.end() ? 0 : found->second;
}

}  // namespace fraiseql
