#pragma once

#include "executor/language/condition_lexer.hpp"
#include "executor/language/condition_program.hpp"

namespace fraiseql {

/// Compiles the text of a condition, by recursive descent:
///
///     condition  = both { "||" both }
///     both       = negation { "&&" negation }
///     negation   = "!" negation | comparison
///     comparison = operand [ ("==" | "!=" | "<" | "<=" | ">" | ">=") operand | "in" "(" operand { "," operand } ")" ]
///     operand    = number | text | "true" | "false" | "null" | path | call | "(" condition ")"
class ConditionParser {
 public:
  /// Throws Mistake.
  static Condition::Program parse(std::string_view text);

  using Node = Condition::Program::Node;

 private:
  /// A path as it was read.
  struct Found {
    std::vector<raw_json::Step> steps;
    enum class As { current, earlier, changed } as = As::current;
    std::size_t at = 0;
  };

  explicit ConditionParser(std::string_view text) : lexer_(text) { advance(); }

  std::size_t either();
  std::size_t both();
  std::size_t negation();
  std::size_t comparison();
  std::size_t within(std::size_t operand);
  std::size_t operand();
  std::size_t group();
  std::size_t literal();
  std::size_t call(const ConditionToken& name);
  Found path(const ConditionToken& first);
  std::size_t path_node(Found found);

  std::size_t add(Node node);
  std::size_t truth(std::size_t node) const;
  std::size_t place_of(std::vector<raw_json::Step> steps);
  std::size_t place_of_text(const ConditionToken& text);
  void deeper(std::size_t at);

  bool at_sign(std::string_view sign) const { return next_.kind == ConditionToken::Kind::sign && next_.written == sign; }
  bool accept(std::string_view sign);
  void expect(std::string_view sign);
  ConditionToken take();
  void advance() { next_ = lexer_.next(); }
  [[noreturn]] void unexpected(const std::string& wanted) const;
  [[noreturn]] void no_operator() const;

  ConditionLexer lexer_;
  ConditionToken next_;
  Condition::Program program_;
  int depth_ = 0;
};

}  // namespace fraiseql
