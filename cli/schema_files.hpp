#pragma once

#include <span>
#include <string_view>

namespace fraiseql {

/// A file of schema/, put into the program by the build.
struct SqlFile {
  std::string_view name;  ///< "10_core.sql"
  std::string_view text;
};

/// In the order in which they are applied. Those named *.concurrently.sql come after the transaction of the others, each by
/// itself.
std::span<const SqlFile> schema_files();

}  // namespace fraiseql
