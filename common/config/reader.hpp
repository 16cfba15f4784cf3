#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/document.hpp"
#include "common/config/keys.hpp"
#include "common/config/mistakes.hpp"
#include "common/config/values.hpp"

namespace fraiseql::config {

using Values = std::map<std::string, Setting, std::less<>>;

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
  const Environment& environment() const { return environment_; }

 private:
  void read_value(const Key& key, const Node& node, Values& values);

  std::string file_;
  Home home_;
  const Environment& environment_;
  unsigned users_;
  Mistakes& mistakes_;
};

/// The [[observers]] of the observer file.
std::vector<ObserverConfig> read_observers(const Node& array, Reader& reader);

}  // namespace fraiseql::config
