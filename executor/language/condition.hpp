#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

namespace fraiseql {

struct EventView;

/// A compiled condition of an observer. Immutable; any thread may ask it. Pure.
/// The language: docs/conditions.md.
class Condition {
 public:
  static constexpr std::size_t longest = 4096;  ///< bytes
  static constexpr int deepest = 64;            ///< levels of nesting

  struct Program;  ///< the compiled form: condition_program.hpp

  struct Verdict {
    bool holds = false;
    bool without_before = false;  ///< it asks for earlier values, and the event has none: it does not hold
    bool incomparable = false;    ///< something was ordered that is neither two numbers nor two strings
  };

  /// Throws Mistake.
  explicit Condition(std::string_view text);
  ~Condition();
  Condition(Condition&&) noexcept;
  Condition& operator=(Condition&&) noexcept;

  Verdict judge(const EventView& event) const;
  /// Whether it names an earlier value anywhere: `changed()` and its kin, `.old`.
  bool needs_before() const;

 private:
  std::unique_ptr<const Program> program_;
};

}  // namespace fraiseql
