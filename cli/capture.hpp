#pragma once

#include <iosfwd>
#include <string>

#include "cli/subcommand.hpp"

namespace fraiseql {

/// What the subcommands of `fraiseql capture` were told.
struct CaptureOptions {
  std::string table;   ///< name or schema.name as in SQL
  std::string entity;
  bool pre_image = false;
};

/// What is wrong with the text of a table's name or of an entity; empty: nothing. Pure.
std::string table_complaint(const std::string& text);
std::string entity_complaint(const std::string& text);

// Each returns the exit code (1 for a table that cannot be captured, or is not, and for a problem that list shows), and throws
// ConfigError (78: a right that is missing, an older schema) or Unavailable (69). No writer waits longer than half a second for
// add or remove: a lock that they do not get in that time they try to get again later, for five minutes.
int capture_add(const General& general, const CaptureOptions& options, std::ostream& out);
int capture_remove(const General& general, const CaptureOptions& options, std::ostream& out);
int capture_list(const General& general, std::ostream& out);

}  // namespace fraiseql
