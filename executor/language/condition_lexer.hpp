#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace fraiseql {

/// A word of a condition.
struct ConditionToken {
  enum class Kind { end, name, number, text, sign };
  Kind kind = Kind::end;
  std::size_t at = 0;        ///< bytes before it
  std::string_view written;  ///< as it stands; of a sign one of ( ) [ ] , . ! == != < <= > >= && ||
  std::string text;          ///< of a text: what it says, escapes undone
};

/// Cuts a condition into its words.
class ConditionLexer {
 public:
  explicit ConditionLexer(std::string_view text) : text_(text) {}

  /// The next word; `end`, behind the last word, again and again. Throws Mistake at what is no word.
  ConditionToken next();

 private:
  ConditionToken name();
  ConditionToken number();
  ConditionToken text();
  ConditionToken sign();
  ConditionToken cut(ConditionToken::Kind kind, std::size_t size);
  std::size_t digits(std::size_t at) const;
  std::size_t name_character(std::size_t at) const;

  std::string_view text_;
  std::size_t at_ = 0, behind_last_ = 0;
};

}  // namespace fraiseql
