#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/letter_text.hpp"
#include "cli/subcommand.hpp"
#include "common/letter_filter.hpp"

namespace fraiseql {

class Settings;

/// Where the dead letters of a configuration are kept, as the subcommands of `fraiseql dlq` need it. Every call throws
/// Unavailable when the server does not answer, and ConfigError when a person has to act. Not thread-safe.
class LetterStore {
 public:
  virtual ~LetterStore() = default;

  virtual std::string place() const = 0;       ///< "stream fraiseql_events_dlq": for a person
  virtual std::string place_json() const = 0;  ///< the same as a JSON member

  struct Info {
    std::uint64_t letters = 0, bytes = 0;
    std::int64_t cap = 0;  ///< most letters; 0: no cap
  };
  /// nullopt: there is no queue yet.
  virtual std::optional<Info> info() = 0;
  /// The whole letter; nullopt when there is none of that number.
  virtual std::optional<ShownLetter> get(std::uint64_t number) = 0;
  /// Removes these and returns those of them that were not there.
  virtual std::vector<std::uint64_t> remove(const std::vector<std::uint64_t>& numbers) = 0;
  /// Calls `visit` for each letter that the filter lets through, in order, without headers and payload, until it returns
  /// false. What is stored meanwhile is not visited.
  virtual void each(const LetterFilter& filter, const std::function<bool(const ShownLetter&)>& visit) = 0;
  /// The program that retries such a letter.
  virtual const char* retried_by(const LetterFacts& facts) const = 0;
};

/// The store that the configuration names, connected when that is needed.
std::unique_ptr<LetterStore> open_letters(const General& general);

std::unique_ptr<LetterStore> stream_letters(const Settings& settings);  ///< JetStream's
std::unique_ptr<LetterStore> table_letters(const Settings& settings);   ///< PostgreSQL's

}  // namespace fraiseql
