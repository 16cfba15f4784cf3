#include "common/nats/header_block.hpp"

namespace fraiseql::nats {

std::vector<std::pair<std::string, std::string>> parse_header_block(std::string_view block) {
  std::vector<std::pair<std::string, std::string>> headers;
  bool first = true;
  while (!block.empty()) {
    const auto end = std::min(block.find('\n'), block.size());
    std::string_view line = block.substr(0, end);
    block.remove_prefix(std::min(end + 1, block.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    const auto colon = line.find(':');
    if (std::exchange(first, false) || colon == line.npos) continue;
    std::string_view value = line.substr(colon + 1);
    while (value.starts_with(' ') || value.starts_with('\t')) value.remove_prefix(1);
    headers.emplace_back(line.substr(0, colon), value);
  }
  return headers;
}

}  // namespace fraiseql::nats
