#include "executor/entity_order.hpp"

#include <algorithm>

namespace fraiseql {

bool EntityOrder::add(const std::string& entity, std::uint64_t stream_seq, std::uint64_t id) {
  auto& line = lines_[entity];
  if (line.empty()) {
    line.push_back({stream_seq, id});
    return true;
  }
  const auto place =
      std::find_if(line.begin() + 1, line.end(), [&](const Place& other) { return other.stream_seq > stream_seq; });
  line.insert(place, {stream_seq, id});
  return false;
}

std::optional<std::uint64_t> EntityOrder::remove(const std::string& entity, std::uint64_t id) {
  const auto found = lines_.find(entity);
  if (found == lines_.end()) return std::nullopt;
  auto& line = found->second;
  const auto place = std::find_if(line.begin(), line.end(), [&](const Place& other) { return other.id == id; });
  if (place == line.end()) return std::nullopt;
  const bool had_turn = place == line.begin();
  line.erase(place);
  if (line.empty()) {
    lines_.erase(found);
    return std::nullopt;
  }
  return had_turn ? std::optional(line.front().id) : std::nullopt;
}

bool EntityOrder::first(const std::string& entity, std::uint64_t id) const {
  const auto found = lines_.find(entity);
  return found != lines_.end() && found->second.front().id == id;
}

std::vector<std::uint64_t> EntityOrder::behind(const std::string& entity) const {
  std::vector<std::uint64_t> ids;
  const auto found = lines_.find(entity);
  if (found == lines_.end()) return ids;
  for (std::size_t i = 1; i < found->second.size(); ++i) ids.push_back(found->second[i].id);
  return ids;
}

}  // namespace fraiseql
