#pragma once

#include <string>

namespace fraiseql {

struct MigrateOptions {
  std::string database_url;
  std::string notify_channel;  ///< empty: without the trigger that notifies; one that is there is dropped
};

/// Brings schema `core` to what this version needs. Additive, and may run as often as one likes, also while others write:
/// no writer waits for it longer than 2 s. Reports what it waits for on standard error. Throws Unavailable when the server
/// is away or the tables stay locked for five minutes, ConfigError when the server refuses or is too old.
void migrate(const MigrateOptions& options);

/// The same as a script for psql.
std::string migration_script(const MigrateOptions& options);

}  // namespace fraiseql
