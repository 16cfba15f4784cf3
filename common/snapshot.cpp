#include "common/snapshot.hpp"

#include <algorithm>
#include <charconv>

namespace fraiseql {
namespace {

/// Takes a number off the front of `text`.
std::optional<std::uint64_t> take_number(std::string_view& text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

bool take(std::string_view& text, char wanted) {
  if (text.empty() || text.front() != wanted) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

bool Snapshot::sees(std::uint64_t xid) const {
  if (xid < xmin) return true;
  if (xid >= xmax) return false;
  return !std::binary_search(xips.begin(), xips.end(), xid);
}

std::optional<Snapshot> parse_snapshot(std::string_view text) {
  Snapshot snapshot;
  const auto xmin = take_number(text);
  if (!xmin || !take(text, ':')) return std::nullopt;
  const auto xmax = take_number(text);
  if (!xmax || !take(text, ':') || *xmin == 0 || *xmax < *xmin) return std::nullopt;
  snapshot.xmin = *xmin;
  snapshot.xmax = *xmax;
  while (!text.empty()) {
    const auto xip = take_number(text);
    if (!xip || *xip < snapshot.xmin || *xip >= snapshot.xmax) return std::nullopt;
    if (!snapshot.xips.empty() && *xip <= snapshot.xips.back()) return std::nullopt;
    snapshot.xips.push_back(*xip);
    if (text.empty()) break;
    if (!take(text, ',') || text.empty()) return std::nullopt;
  }
  return snapshot;
}

std::vector<std::uint64_t> ended_between(const Snapshot& before, const Snapshot& after) {
  std::vector<std::uint64_t> ended;
  for (const std::uint64_t xid : before.xips)
    if (after.sees(xid)) ended.push_back(xid);
  return ended;
}

}  // namespace fraiseql
