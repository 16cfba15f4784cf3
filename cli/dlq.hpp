#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "cli/subcommand.hpp"
#include "common/letter_filter.hpp"

namespace fraiseql {

/// What the subcommands of `fraiseql dlq` were told.
struct DlqOptions {
  LetterFilter filter;
  std::vector<std::uint64_t> numbers;
  bool all = false;
  bool dry_run = false;
  double rate = 0;  ///< letters per second; 0: as fast as they go
};

/// Fills `filter` from the text of --after: a number, or a time in RFC 3339. An empty answer, or what is wrong with it.
std::string read_after(const std::string& text, LetterFilter& filter);

// Each returns the exit code, and throws ConfigError (78) or Unavailable (69).
int dlq_list(const General& general, const DlqOptions& options, std::ostream& out);
int dlq_show(const General& general, const DlqOptions& options, std::ostream& out);
int dlq_stats(const General& general, std::ostream& out);
int dlq_remove(const General& general, const DlqOptions& options, std::ostream& out);
/// The letters by their numbers, or with `all` those that the filter lets through. The executor, and for changes that could
/// not be published the bridge, do the work as children; a stop is handed on to them.
int dlq_retry(const General& general, const DlqOptions& options, std::ostream& out);

}  // namespace fraiseql
