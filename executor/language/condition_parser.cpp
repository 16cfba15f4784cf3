#include "executor/language/condition_parser.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "common/text.hpp"
#include "executor/language/mistake.hpp"

namespace fraiseql {
namespace {

using Token = ConditionToken;
using Node = ConditionParser::Node;
using Kind = Node::Kind;

constexpr std::array operators{
    std::pair{std::string_view("=="), Node::Operator::equal},  std::pair{std::string_view("!="), Node::Operator::unequal},
    std::pair{std::string_view("<"), Node::Operator::less},    std::pair{std::string_view("<="), Node::Operator::less_equal},
    std::pair{std::string_view(">"), Node::Operator::greater}, std::pair{std::string_view(">="), Node::Operator::greater_equal}};

std::string shown(const Token& token) {
  if (token.kind == Token::Kind::end) return "the end";
  std::string text(token.written.substr(0, 40));
  // Never half a character.
  if (token.written.size() > text.size()) {
    while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xc0) == 0x80) text.pop_back();
    if (!text.empty() && static_cast<unsigned char>(text.back()) >= 0xc0) text.pop_back();
    text += "...";
  }
  return text;
}

std::string_view of_sql(std::string_view word) {
  const std::string lower = lower_case(word);
  if (lower == "and") return "write &&";
  if (lower == "or") return "write ||";
  if (lower == "not") return "write !";
  if (lower == "is") return "write == or !=";
  if (lower == "in" && word != "in") return "write in";
  if (lower == "like" || lower == "ilike" || lower == "matches") return "there are no patterns";
  return {};
}

// The text of an older form such as has_field('address.city'): a path when it reads like one, else the name of a column.
std::vector<raw_json::Step> steps_of(const std::string& text) {
  std::vector<raw_json::Step> steps;
  try {
    ConditionLexer lexer(text);
    Token token = lexer.next();
    bool expect_name = true;
    while (token.kind != Token::Kind::end) {
      if (expect_name) {
        if (token.kind != Token::Kind::name) return {{text}};
        steps.push_back({std::string(token.written)});
        expect_name = false;
      } else if (token.written == ".") {
        expect_name = true;
      } else if (token.written == "[") {
        token = lexer.next();
        const bool number = token.kind == Token::Kind::number && token.written.size() < 10 &&
                            token.written.find_first_not_of("0123456789") == token.written.npos;
        if (!number || lexer.next().written != "]") return {{text}};
        steps.push_back({{}, std::stoul(std::string(token.written)), true});
      } else {
        return {{text}};
      }
      token = lexer.next();
    }
    if (expect_name) return {{text}};
  } catch (const Mistake&) {
    return {{text}};
  }
  // Blanks would have been skipped.
  return text.find_first_of(" \t\r\n") == text.npos ? steps : std::vector<raw_json::Step>{{text}};
}

}  // namespace

Condition::Program ConditionParser::parse(std::string_view text) {
  if (text.size() > Condition::longest)
    throw Mistake(Condition::longest, "the condition has more than " + std::to_string(Condition::longest) + " bytes");
  ConditionParser parser(text);
  if (parser.next_.kind == Token::Kind::end) throw Mistake(0, "the condition is empty");
  parser.truth(parser.either());
  if (parser.next_.kind != Token::Kind::end) parser.no_operator();
  return std::move(parser.program_);
}

std::size_t ConditionParser::either() {
  std::size_t first = both();
  if (!at_sign("||")) return first;
  Node node{.kind = Kind::either, .parts = {truth(first)}, .at = next_.at};
  while (accept("||")) node.parts.push_back(truth(both()));
  return add(std::move(node));
}

std::size_t ConditionParser::both() {
  std::size_t first = negation();
  if (!at_sign("&&")) return first;
  Node node{.kind = Kind::both, .parts = {truth(first)}, .at = next_.at};
  while (accept("&&")) node.parts.push_back(truth(negation()));
  return add(std::move(node));
}

std::size_t ConditionParser::negation() {
  const std::size_t at = next_.at;
  if (!accept("!")) return comparison();
  deeper(at);
  const std::size_t part = truth(negation());
  --depth_;
  return add({.kind = Kind::negation, .parts = {part}, .at = at});
}

std::size_t ConditionParser::comparison() {
  const std::size_t left = operand();
  if (next_.kind == Token::Kind::name && next_.written == "in") return within(left);
  const auto* const found = std::find_if(operators.begin(), operators.end(), [&](const auto& one) { return at_sign(one.first); });
  if (found == operators.end()) return left;
  const std::size_t at = next_.at;
  advance();
  const std::size_t right = operand();
  for (const auto& [sign, comparison] : operators)
    if (at_sign(sign)) throw Mistake(next_.at, "a comparison cannot be compared; write && between two of them");
  return add({.kind = Kind::compare, .comparison = found->second, .parts = {left, right}, .at = at});
}

std::size_t ConditionParser::within(std::size_t left) {
  Node node{.kind = Kind::within, .parts = {left}, .at = next_.at};
  advance();
  expect("(");
  do node.parts.push_back(operand());
  while (accept(","));
  expect(")");
  return add(std::move(node));
}

std::size_t ConditionParser::operand() {
  switch (next_.kind) {
    case Token::Kind::number:
    case Token::Kind::text:
      return literal();
    case Token::Kind::sign:
      if (at_sign("(")) return group();
      if (at_sign("!")) throw Mistake(next_.at, "! stands before a whole comparison; put parentheses around it");
      break;
    case Token::Kind::name: {
      const Token name = take();
      if (at_sign("(")) return call(name);
      if (name.written == "true" || name.written == "false" || name.written == "null") {
        const auto kind = name.written == "true"    ? raw_json::Kind::yes
                          : name.written == "false" ? raw_json::Kind::no
                                                    : raw_json::Kind::null;
        return add({.kind = Kind::literal, .literal = kind, .at = name.at});
      }
      return path_node(path(name));
    }
    case Token::Kind::end:
      break;
  }
  unexpected("a value");
}

// Parentheses around an operand mean nothing: (total) > 100 is total > 100.
std::size_t ConditionParser::group() {
  const std::size_t at = take().at;
  deeper(at);
  const std::size_t inner = either();
  if (next_.kind == Token::Kind::end) throw Mistake(at, "this ( is never closed");
  if (!accept(")")) no_operator();
  --depth_;
  return inner;
}

std::size_t ConditionParser::literal() {
  Token token = take();
  if (token.kind == Token::Kind::number)
    return add({.kind = Kind::literal, .literal = raw_json::Kind::number, .text = std::string(token.written), .at = token.at});
  return add({.kind = Kind::literal, .literal = raw_json::Kind::text, .text = std::move(token.text), .at = token.at});
}

std::size_t ConditionParser::call(const Token& name) {
  const std::string_view function = name.written;
  const bool takes_value = function == "field_changed_to" || function == "field_changed_from";
  if (function == "changed") throw Mistake(name.at, "write field.changed()");
  if (function == "has") {
    expect("(");
    if (next_.kind == Token::Kind::text)
      throw Mistake(next_.at, "has() takes a path without quotes, has_field() one with quotes");
    if (next_.kind != Token::Kind::name) unexpected("a path");
    Found found = path(take());
    if (found.as == Found::As::changed) throw Mistake(found.at, "has() takes a path");
    expect(")");
    const bool earlier = found.as == Found::As::earlier;
    program_.needs_before |= earlier;
    return add({.kind = earlier ? Kind::had : Kind::has, .path = place_of(std::move(found.steps)), .at = name.at});
  }
  if (!takes_value && function != "has_field" && function != "field_changed") {
    const std::string_view hint = of_sql(function);
    throw Mistake(name.at,
                  hint.empty() ? "unknown function " + shown(name) : "unknown word " + shown(name) + "; " + std::string(hint));
  }
  expect("(");
  if (next_.kind != Token::Kind::text) unexpected("the name of a field in quotes");
  Node node{.kind = function == "has_field"          ? Kind::has
                    : function == "field_changed"    ? Kind::changed
                    : function == "field_changed_to" ? Kind::changed_to
                                                     : Kind::changed_from,
            .at = name.at};
  node.path = place_of_text(take());
  if (takes_value) {
    expect(",");
    node.parts.push_back(operand());
  }
  expect(")");
  program_.needs_before |= node.kind != Kind::has;
  return add(std::move(node));
}

ConditionParser::Found ConditionParser::path(const Token& first) {
  Found found{.steps = {{std::string(first.written)}}, .at = first.at};
  while (true) {
    if (accept(".")) {
      if (next_.kind != Token::Kind::name) unexpected("a name after the point");
      const Token name = take();
      if (at_sign("(")) {
        if (name.written != "changed") throw Mistake(name.at, "unknown function ." + shown(name) + "()");
        advance();
        expect(")");
        found.as = Found::As::changed;
        break;
      }
      const bool last = !at_sign(".") && !at_sign("[");
      if (last && (name.written == "old" || name.written == "new")) {
        if (name.written == "old") found.as = Found::As::earlier;
        break;
      }
      found.steps.push_back({std::string(name.written)});
    } else if (accept("[")) {
      const bool number = next_.kind == Token::Kind::number && next_.written.find_first_not_of("0123456789") == std::string::npos;
      if (!number) unexpected("the number of an element, from 0");
      if (next_.written.size() > 9) throw Mistake(next_.at, "no array is as long as that");
      found.steps.push_back({{}, std::stoul(std::string(take().written)), true});
      expect("]");
    } else {
      break;
    }
  }
  return found;
}

std::size_t ConditionParser::path_node(Found found) {
  program_.needs_before |= found.as != Found::As::current;
  const Kind kind = found.as == Found::As::changed   ? Kind::changed
                    : found.as == Found::As::earlier ? Kind::earlier
                                                     : Kind::current;
  return add({.kind = kind, .path = place_of(std::move(found.steps)), .at = found.at});
}

std::size_t ConditionParser::add(Node node) {
  program_.nodes.push_back(std::move(node));
  return program_.nodes.size() - 1;
}

// Refuses what looks like a condition and never is one: status == 'new' || 'shipped'.
std::size_t ConditionParser::truth(std::size_t node) const {
  const Node& found = program_.nodes[node];
  if (found.kind == Kind::literal && found.literal != raw_json::Kind::yes && found.literal != raw_json::Kind::no)
    throw Mistake(found.at, "a value alone is no condition; compare it with something");
  return node;
}

std::size_t ConditionParser::place_of(std::vector<raw_json::Step> steps) {
  if (steps.size() > 1 && steps[0].name == "data" && !steps[1].into_array) steps.erase(steps.begin());
  RowPath path;
  for (const auto& step : steps) {
    if (step.into_array)
      path.written += "[" + std::to_string(step.element) + "]";
    else
      path.written += (path.written.empty() ? "" : ".") + step.name;
  }
  const auto known = std::find(program_.heads.begin(), program_.heads.end(), steps[0].name);
  path.head = static_cast<std::size_t>(known - program_.heads.begin());
  if (known == program_.heads.end()) program_.heads.push_back(steps[0].name);
  path.rest.assign(std::make_move_iterator(steps.begin() + 1), std::make_move_iterator(steps.end()));
  program_.paths.push_back(std::move(path));
  return program_.paths.size() - 1;
}

std::size_t ConditionParser::place_of_text(const Token& text) {
  if (text.text.empty()) throw Mistake(text.at, "the name of a field is empty");
  return place_of(steps_of(text.text));
}

void ConditionParser::deeper(std::size_t at) {
  if (++depth_ > Condition::deepest) throw Mistake(at, "nests deeper than " + std::to_string(Condition::deepest) + " levels");
}

bool ConditionParser::accept(std::string_view sign) {
  if (!at_sign(sign)) return false;
  advance();
  return true;
}

void ConditionParser::expect(std::string_view sign) {
  if (!accept(sign)) unexpected(std::string(sign));
}

Token ConditionParser::take() {
  Token token = std::move(next_);
  advance();
  return token;
}

void ConditionParser::unexpected(const std::string& wanted) const {
  throw Mistake(next_.at, "expected " + wanted + ", got " + shown(next_));
}

// Something stands where only an operator, or the end, has a meaning.
void ConditionParser::no_operator() const {
  if (at_sign(")")) throw Mistake(next_.at, "this ) closes nothing");
  if (const auto hint = of_sql(next_.written); !hint.empty() && next_.kind == Token::Kind::name)
    throw Mistake(next_.at, "unknown word " + shown(next_) + "; " + std::string(hint));
  unexpected("an operator");
}

}  // namespace fraiseql
