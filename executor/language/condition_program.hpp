#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "executor/language/condition.hpp"
#include "executor/language/raw_json.hpp"

namespace fraiseql {

/// Where a value stands in a row.
struct RowPath {
  std::size_t head = 0;              ///< place of its first step among Program::heads
  std::vector<raw_json::Step> rest;  ///< of its steps, without the first
  std::string written;               ///< as in the condition, `data.` left out
};

/// A compiled condition: a tree of nodes in one array, the root last. Its depth is bounded, so recursion over it is safe.
struct Condition::Program {
  struct Node {
    enum class Kind : std::uint8_t {
      either,    ///< of its parts
      both,      ///< all of its parts
      negation,  ///< of its one part
      compare,   ///< its two parts
      within,    ///< the first part among the others
      literal,
      current,     ///< x, x.new
      earlier,     ///< x.old
      has,         ///< has(x)
      had,         ///< has(x.old)
      changed,     ///< x.changed()
      changed_to,  ///< its one part is the value
      changed_from,
    };
    enum class Operator : std::uint8_t { equal, unequal, less, less_equal, greater, greater_equal };

    Kind kind = Kind::literal;
    Operator comparison = Operator::equal;
    std::vector<std::size_t> parts = {};
    std::size_t path = 0;  ///< place among `paths`
    raw_json::Kind literal = raw_json::Kind::null;
    std::string text = {};  ///< of a literal number as written, of a literal text what it says
    std::size_t at = 0;     ///< bytes before it in the condition
  };

  std::vector<Node> nodes;
  std::vector<RowPath> paths;
  std::vector<std::string> heads;  ///< the columns it looks at, each once
  bool needs_before = false;
};

}  // namespace fraiseql
