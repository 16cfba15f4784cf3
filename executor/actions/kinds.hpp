#pragma once

#include "executor/actions/action.hpp"

// The kinds of actions: each is made in the file of its name.
namespace fraiseql {

using ActionMaker = std::unique_ptr<const Action> (*)(const ActionConfig&, const ActionSettings&);

std::unique_ptr<const Action> make_cache(const ActionConfig& config, const ActionSettings& settings);
std::unique_ptr<const Action> make_database(const ActionConfig& config, const ActionSettings& settings);
std::unique_ptr<const Action> make_email(const ActionConfig& config, const ActionSettings& settings);
std::unique_ptr<const Action> make_log(const ActionConfig& config, const ActionSettings& settings);
std::unique_ptr<const Action> make_nats(const ActionConfig& config, const ActionSettings& settings);
std::unique_ptr<const Action> make_slack(const ActionConfig& config, const ActionSettings& settings);
std::unique_ptr<const Action> make_webhook(const ActionConfig& config, const ActionSettings& settings);

}  // namespace fraiseql
