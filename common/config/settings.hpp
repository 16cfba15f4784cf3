#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "common/config/observer.hpp"

namespace fraiseql {

/// Which programs a key concerns; also, for whom settings are loaded. Bits.
enum Users : unsigned { for_bridge = 1, for_executor = 2, for_healthd = 4, for_everyone = 7 };

/// Where settings come from. Empty paths: the default names in the working directory, which may be absent.
struct Sources {
  std::string observer_file;
  std::string app_file;
  /// A value that none of these uses may name an unset variable: a health node needs no webhook's secret.
  unsigned users = for_everyone;
};

using Environment = std::map<std::string, std::string, std::less<>>;

/// The same, already read: what `load` makes of files and process. No text: the file is absent.
struct SourceTexts {
  std::optional<std::string> observer_text;
  std::optional<std::string> app_text;
  Environment environment = {};
  unsigned users = for_everyone;
  std::string observer_file = "fraiseql-observer.toml";  ///< as errors name it
  std::string app_file = "fraiseql.toml";
};

/// One setting and where it was made: `file:line`, `environment:NAME` or `default`. Durations are milliseconds.
struct Setting {
  std::variant<std::string, std::int64_t, bool, std::vector<std::string>, std::vector<std::pair<std::string, std::string>>> value;
  std::string origin;
};

/// Every setting after both files, the environment and the defaults, each checked. Made by `load` only.
///
/// Keys are named as in the table of keys: `transport.nats.url`, those of the app file `observers.backend`. Asking for
/// a key that is not set and has no default, or for another type, throws std::logic_error.
class Settings {
 public:
  bool run_bridge() const { return flag("transport.run_bridge"); }
  bool run_executors() const { return flag("transport.run_executors"); }
  const std::string& transport() const { return text("transport.transport"); }  ///< postgres, nats, in_memory

  bool has(std::string_view key) const { return values_.find(key) != values_.end(); }
  const std::string& text(std::string_view key) const;
  std::int64_t integer(std::string_view key) const;
  bool flag(std::string_view key) const;
  const std::vector<std::string>& list(std::string_view key) const;
  std::string origin(std::string_view key) const;  ///< "default" for a key that is not set
  /// Keys outside of [[observers]] whose values differ.
  std::vector<std::string> differences(const Settings& other) const;
  const std::vector<ObserverConfig>& observers() const { return observers_; }
  const ActionSettings& actions() const { return actions_; }              ///< of [email] and [redis] only
  const std::vector<std::string>& warnings() const { return warnings_; }  ///< lines as errors have, for the log
  /// The line to say where `database.url` is needed and could not be made out, for a program that may do without.
  const std::string& why_no_database() const { return why_no_database_; }
  const std::string& app_file() const { return app_file_; }  ///< its name in messages

 private:
  friend class SettingsLoader;
  Settings() = default;
  const Setting& at(std::string_view key) const;
  std::map<std::string, Setting, std::less<>> values_;
  std::vector<ObserverConfig> observers_;
  ActionSettings actions_;
  std::vector<std::string> warnings_;
  std::string why_no_database_;
  std::string app_file_;
};

}  // namespace fraiseql
