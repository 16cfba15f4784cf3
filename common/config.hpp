#pragma once

#include <string>
#include <vector>

#include "common/config/observer.hpp"
#include "common/config/settings.hpp"
#include "common/config/slices.hpp"

namespace fraiseql {

/// Reads both files and the environment of the process. Throws ConfigError that lists every mistake, one per line:
/// `file:line: key: message`. Connects to nothing.
Settings load(const Sources& sources);
/// The same from texts. Pure.
Settings load(const SourceTexts& texts);

/// What each program uses. Pure. Throw ConfigError when a part that the program needs is not set or not supported yet,
/// and when the settings say that the program shall not run (`run_bridge = false`, `run_executors = false`).
BridgeConfig bridge_config(const Settings& settings);
BridgeConfig bridge_elsewhere(const Settings& settings);  ///< the same for who only speaks of it
ExecutorConfig executor_config(const Settings& settings);
HealthConfig health_config(const Settings& settings);
NatsConfig nats_config(const Settings& settings);  ///< whatever runs here

/// libpq's URL or keywords. Throws ConfigError when there is none.
std::string database_url(const Settings& settings);

/// A URL, a comma separated list of them or libpq's keywords, fit for a log: without user, password and parameters.
std::string without_credentials(const std::string& url);

/// What a daemon logs at start, level info, in this order.
std::vector<std::string> startup_lines(const Settings& settings);
/// Logs them, and the warnings before them.
void log_startup(const Settings& settings);

/// The reference of all keys, byte for byte what docs/configuration.md holds.
std::string reference_markdown();
/// Keys, environment variables and defaults that concern `users`, for --help.
std::string keys_help(unsigned users);

}  // namespace fraiseql
