#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "common/config/settings.hpp"

namespace fraiseql::config {

enum class Home { observer_file, app_file, observers };  ///< observers: inside of [[observers]]
/// names: a text or an array of them; json: a table, kept as the text of a JSON object.
enum class Type { text, choice, flag, integer, duration, list, pairs, names, json };

/// What is wrong with a text, or nothing.
using Check = std::string (*)(const std::string& value);

struct Rule {
  Type type;
  std::int64_t least = 0;  ///< integer; duration in milliseconds; text, names: bytes
  std::int64_t most = 0;
  std::string_view choices = {};  ///< separated by ", "
  Check check = nullptr;          ///< after the range; of a list, of names: for each element
};

/// One line of the one table that the parser, the environment, the hints, --help and the reference read.
struct Key {
  std::string_view name;
  std::string_view variable;  ///< environment variable, empty: none
  Rule rule;
  std::string_view standard;  ///< the default as written in the environment; empty: none
  std::string_view message;   ///< when the range is broken; empty: made from the range
  std::string_view meaning;
  unsigned users;
  bool later = false;           ///< refused: `not supported yet`
  std::string_view types = {};  ///< of actions: those that it has a meaning for, separated by ", "; empty: all
};

std::span<const Key> keys(Home home);
const Key* find_key(Home home, std::string_view name);
/// Whether keys of that home live below `name`.
bool is_table(Home home, std::string_view name);

/// Whether a key of an action has a meaning for the type.
bool belongs_to(const Key& key, std::string_view type);

/// Where a key of FraiseQL's observer file lives now, or empty.
std::string_view moved_to(std::string_view name);
bool is_moved_table(std::string_view name);

/// The known key (or table, when the unknown thing is one) whose name is nearest.
std::string nearest(Home home, std::string_view unknown, bool table);

/// The last two parts of a key: how messages name it.
std::string short_name(std::string_view name);

}  // namespace fraiseql::config
