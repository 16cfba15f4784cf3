#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/document.hpp"
#include "common/config/keys.hpp"
#include "common/config/mistakes.hpp"
#include "common/config/values.hpp"

namespace fraiseql::config {

using Values = std::map<std::string, Setting, std::less<>>;

/// The value of a key that is set, of the type that its rule has.
template <class T>
T take(const Values& values, std::string_view key, T otherwise) {
  const auto found = values.find(key);
  return found == values.end() ? std::move(otherwise) : std::get<T>(found->second.value);
}

/// Reads the tables of one file by the table of keys. Holds references: for use within one `load`.
class Reader {
 public:
  Reader(std::string file, Home home, const Environment& environment, unsigned users, Mistakes& mistakes)
      : file_(std::move(file)), home_(home), environment_(environment), users_(users), mistakes_(mistakes) {}

  /// Called for each member before the table of keys is asked; true: it has been dealt with.
  using Special = std::function<bool(const std::string& path, const Node& node)>;

  /// All known keys of `table` and below into `values`; what is wrong or unknown into the mistakes.
  void read(const Node& table, const std::string& prefix, Values& values, const Special& special);

  std::string origin(const Node& node) const { return file_ + ":" + std::to_string(node.line); }
  void mistake(const Node& node, std::string_view key, std::string_view message) { mistakes_.add(origin(node), key, message); }
  /// Whether values that only these programs use may fail to expand.
  bool matters(unsigned users) const { return (users & users_) != 0; }
  /// What the variable holds that a key names; nothing, and a mistake unless nobody here needs it, when it is not set.
  std::optional<std::string> variable(const Node& place, std::string_view key, const std::string& name);

 private:
  void read_value(const Key& key, const Node& node, Values& values);

  std::string file_;
  Home home_;
  const Environment& environment_;
  unsigned users_;
  Mistakes& mistakes_;
};

/// One [[observers.actions]] table.
void read_action(const Node& table, Reader& reader, std::vector<ActionConfig>& actions);

/// What actions need besides, from the values that have been read of these tables, and the variables that they name.
void read_email(const Node& table, Reader& reader, const Values& values, ActionSettings::Email& email);
void read_redis(const Node& table, Reader& reader, const Values& values, std::string& url);

/// The [[observers]] of the observer file.
std::vector<ObserverConfig> read_observers(const Node& array, Reader& reader);

}  // namespace fraiseql::config
