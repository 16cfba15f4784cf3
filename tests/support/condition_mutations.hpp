#pragma once

#include <random>
#include <string>
#include <string_view>

namespace fraiseql::test {

/// Conditions and rows that almost make sense. The same seed gives the same ones.
class ConditionMutations {
 public:
  explicit ConditionMutations(std::uint64_t seed) : dice_(seed) {}

  std::string condition();  ///< half of them damaged
  std::string json();       ///< a value, most often an object; some of them damaged
  std::string names();      ///< an array of names
  std::string damaged(std::string text);
  std::size_t below(std::size_t limit) { return std::uniform_int_distribution<std::size_t>(0, limit - 1)(dice_); }

 private:
  std::string value(int depth);
  std::string text();
  std::string number();
  std::string blanks();

  std::mt19937_64 dice_;
};

/// Compiles the condition and judges it for every kind of event made of these rows. Empty, or what is wrong: an offset
/// outside the text, a verdict that contradicts itself or changes from one time to the next.
std::string try_condition(std::string_view condition, std::string_view data, std::string_view before, std::string_view changed);

}  // namespace fraiseql::test
