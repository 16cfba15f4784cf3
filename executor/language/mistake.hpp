#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>

namespace fraiseql {

/// A condition or a template that makes no sense: what is wrong, and where. Thrown while compiling, never while running.
class Mistake : public std::runtime_error {
 public:
  Mistake(std::size_t at, const std::string& what) : std::runtime_error(what), at_(at) {}
  std::size_t at() const { return at_; }  ///< bytes before it in the text

 private:
  std::size_t at_;
};

}  // namespace fraiseql
