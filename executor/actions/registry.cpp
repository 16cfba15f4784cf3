#include <array>
#include <string_view>

#include "common/errors.hpp"
#include "executor/actions/kinds.hpp"

namespace fraiseql {
namespace {

struct Kind {
  std::string_view type;
  ActionMaker make;
};
constexpr std::array kinds{
    Kind{"cache", make_cache},
    Kind{"database", make_database},
    Kind{"email", make_email},
    Kind{"log", make_log},
    Kind{"nats", make_nats},
    Kind{"slack", make_slack},
    Kind{"webhook", make_webhook},
};

}  // namespace

std::unique_ptr<const Action> make_action(const ActionConfig& config, const ActionSettings& settings) {
  for (const Kind& kind : kinds)
    if (kind.type == config.type) return kind.make(config, settings);
  throw ConfigError(config.origin + ": observers.actions.type: Unsupported action type: " + config.type);
}

}  // namespace fraiseql
