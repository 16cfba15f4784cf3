#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/config/mistakes.hpp"

namespace fraiseql::config {

/// A TOML document as a plain tree, with the line of each value. Keeps the library's header in one place.
struct Node {
  enum class Kind { table, array, string, integer, floating, boolean, time };
  Kind kind = Kind::table;
  int line = 1;      ///< of the key, or of the header of a table in an array
  std::string text;  ///< of a string; of a number as JSON has it, empty when it has none; of a time as in RFC 3339
  std::int64_t integer = 0;
  bool boolean = false;
  std::vector<Node> items;                            ///< of an array
  std::vector<std::pair<std::string, Node>> members;  ///< of a table, in the order of the file

  const Node* find(std::string_view name) const;
};

/// "an integer", "a table", ... for messages.
std::string_view kind_name(Node::Kind kind);

/// The tree of a text, or nothing and a line in `mistakes`. Any bytes may come: size, lines, nesting and characters are
/// limited before the library sees them.
std::optional<Node> parse_document(std::string_view text, const std::string& file, Mistakes& mistakes);

/// Whole and valid UTF-8, without surrogates and overlong forms.
bool valid_utf8(std::string_view text);

}  // namespace fraiseql::config
