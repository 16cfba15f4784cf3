#pragma once

#include <cstdint>
#include <string>

namespace fraiseql {

/// Which dead letters are meant. Everything that is set must hold.
struct LetterFilter {
  std::string observer;           ///< empty: any
  std::string entity;             ///< empty: any
  std::string reason;             ///< empty: any
  std::uint64_t after_number = 0; ///< only those with a higher number
  std::string from_time;          ///< RFC 3339; only those stored then or later; empty: any
  std::uint64_t limit = 0;        ///< so many at most; 0: all
};

}  // namespace fraiseql
