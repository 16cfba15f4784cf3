#include "healthd/next_command.hpp"

#include <algorithm>
#include <array>

namespace fraiseql {
namespace {

constexpr std::string_view program = "fraiseql ";
// A longer one before the one that it begins with.
constexpr std::array<std::string_view, 19> commands{"bridge adopt", "bridge rewind", "capture add", "capture list", "check", "dlq list", "dlq remove",
                                                    "dlq retry-all", "dlq retry", "dlq show", "dlq stats", "dlq", "migrate", "permissions", "prune",
                                                    "run", "audit", "keys", "status"};

bool ends_a_word(std::string_view rest) {
  return rest.empty() || !((rest[0] >= 'a' && rest[0] <= 'z') || (rest[0] >= '0' && rest[0] <= '9') || rest[0] == '-' || rest[0] == '_' || rest[0] == '/');
}

}  // namespace

std::string next_command(std::string_view reason) {
  for (auto at = reason.rfind(program); at != std::string_view::npos; at = at == 0 ? std::string_view::npos : reason.rfind(program, at - 1)) {
    const std::string_view rest = reason.substr(at + program.size());
    const auto found = std::find_if(commands.begin(), commands.end(),
                                    [&](std::string_view one) { return rest.starts_with(one) && ends_a_word(rest.substr(one.size())); });
    if (found == commands.end()) continue;
    return std::string(program) + std::string(*found == "dlq" ? "dlq stats" : *found);
  }
  return "fraiseql check";
}

}  // namespace fraiseql
