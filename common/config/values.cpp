#include "common/config/values.hpp"

#include <algorithm>

#include "common/config/action_rules.hpp"
#include "common/config/rules.hpp"

namespace fraiseql::config {
namespace {

std::string range_message(const Key& key, std::int64_t least, std::int64_t most, bool too_much) {
  // A message such as "must be > 0" does not explain a value that is too large.
  const bool lower_only = key.message.ends_with("> 0") || key.message.ends_with("greater than zero");
  if (!key.message.empty() && !(too_much && lower_only)) return std::string(key.message);
  if (too_much) return short_name(key.name) + " must be at most " + std::to_string(most);
  return short_name(key.name) + " must be at least " + std::to_string(least);
}

/// A value as messages quote it: never that of a key which may hold a secret.
std::string shown(std::string_view value) { return std::string(value.size() > 40 ? std::string_view("a long text") : value); }

std::string_view expected(Type type) {
  switch (type) {
    case Type::flag:
      return "true or false";
    case Type::integer:
      return "an integer";
    case Type::duration:
      return "a duration in quotes, such as \"500ms\", \"30s\" or \"2m\"";
    case Type::list:
      return "an array of strings";
    case Type::pairs:
      return "a table of strings";
    case Type::names:
      return "a string or an array of strings";
    case Type::json:
      return "a table";
    case Type::text:
    case Type::choice:
      break;
  }
  return "a string";
}

Error wrong_type(const Key& key, std::string_view got) {
  return Error{"expected " + std::string(expected(key.rule.type)) + ", got " + std::string(got)};
}

Result<Value> checked_integer(const Key& key, std::int64_t number) {
  const Rule& rule = key.rule;
  if (number < rule.least || number > rule.most) return Error{range_message(key, rule.least, rule.most, number > rule.most)};
  if (rule.check)
    if (auto wrong = rule.check(std::to_string(number)); !wrong.empty()) return Error{std::move(wrong)};
  return Value{number};
}

Result<Value> checked_text(const Key& key, const std::string& text) {
  const Rule& rule = key.rule;
  if (!valid_utf8(text)) return Error{"is not valid UTF-8"};
  if (text.find('\0') != text.npos) return Error{"must not contain a NUL byte"};
  const auto size = static_cast<std::int64_t>(text.size());
  if (size < rule.least) return Error{key.message.empty() ? short_name(key.name) + " cannot be empty" : std::string(key.message)};
  if (size > rule.most) return Error{"must have at most " + std::to_string(rule.most) + " bytes"};
  if (rule.check)
    if (auto wrong = rule.check(text); !wrong.empty()) return Error{std::move(wrong)};
  return Value{text};
}

Result<Value> checked_names(const Key& key, const std::vector<std::string>& names) {
  if (names.empty()) return Error{std::string(key.message)};
  for (std::size_t i = 0; i < names.size(); ++i)
    if (const auto checked = checked_text(key, names[i]); !checked)
      return names.size() == 1 ? checked.error() : Error{"element " + std::to_string(i + 1) + ": " + checked.error().what};
  return Value{names};
}

Result<Value> checked_choice(const Key& key, const std::string& text) {
  const auto choices = split_list(key.rule.choices);
  if (std::ranges::find(choices, text) != choices.end()) return Value{text};
  return Error{"must be one of " + std::string(key.rule.choices) + "; got " + (text.empty() ? "an empty text" : shown(text))};
}

Result<Value> checked_duration(const Key& key, const std::string& text) {
  const auto duration = parse_duration(text);
  if (!duration)
    return Error{"expected a duration such as 500ms, 30s or 2m; got " + (text.empty() ? "an empty text" : shown(text))};
  return checked_integer(key, *duration);
}

Result<Value> checked_list(const Key& key, std::vector<std::string> elements) {
  for (std::size_t i = 0; i < elements.size(); ++i) {
    const std::string wrong = valid_utf8(elements[i]) ? key.rule.check(elements[i]) : "is not valid UTF-8";
    if (!wrong.empty()) return Error{"element " + std::to_string(i + 1) + ": " + wrong};
  }
  return Value{std::move(elements)};
}

}  // namespace

Result<std::string> expand(const std::string& text, const Environment& environment) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view rest = std::string_view(text).substr(at);
    if (rest.starts_with("$${")) {
      out += "${";
      at += 3;
      continue;
    }
    if (!rest.starts_with("${")) {
      out += text[at++];
      continue;
    }
    const auto end = rest.find('}');
    if (end == rest.npos) return Error{"unterminated ${: a } is missing; a literal ${ is written $${"};
    const std::string_view inside = rest.substr(2, end - 2);
    const auto colon = inside.find(":-");
    const std::string_view name = inside.substr(0, colon);
    if (!variable_name(std::string(name)).empty())
      return Error{"${" + shown(name) + "}: not the name of a variable; a literal ${ is written $${"};
    const auto found = environment.find(name);
    if (found != environment.end() && !(colon != inside.npos && found->second.empty()))
      out += found->second;
    else if (colon != inside.npos)
      out += inside.substr(colon + 2);
    else
      return Error{"unset variable " + std::string(name) + "; in a template write {{ " + std::string(name) + " }}"};
    at += end + 1;
  }
  return out;
}

Result<Node> expand(const Node& node, const Environment& environment) {
  Node out = node;
  if (node.kind == Node::Kind::string) {
    auto text = expand(node.text, environment);
    if (!text) return text.error();
    out.text = std::move(text).value();
  }
  for (Node& item : out.items) {
    auto expanded = expand(item, environment);
    if (!expanded) return expanded.error();
    item = std::move(expanded).value();
  }
  for (auto& [name, member] : out.members) {
    auto expanded = expand(member, environment);
    if (!expanded) return expanded.error();
    member = std::move(expanded).value();
  }
  return out;
}

Result<Value> value_of(const Key& key, const Node& node) {
  using Kind = Node::Kind;
  switch (key.rule.type) {
    case Type::flag:
      if (node.kind == Kind::boolean) return Value{node.boolean};
      break;
    case Type::integer:
      if (node.kind == Kind::integer) return checked_integer(key, node.integer);
      break;
    case Type::text:
      if (node.kind == Kind::string) return checked_text(key, node.text);
      break;
    case Type::choice:
      if (node.kind == Kind::string) return checked_choice(key, node.text);
      break;
    case Type::duration:
      if (node.kind == Kind::string) return checked_duration(key, node.text);
      break;
    case Type::json: {
      if (node.kind != Kind::table) break;
      auto text = json_of(node);
      if (!text) return text.error();
      return Value{std::move(text).value()};
    }
    case Type::names:
      if (node.kind == Kind::string) return checked_names(key, {node.text});
      [[fallthrough]];
    case Type::list: {
      if (node.kind != Kind::array) break;
      std::vector<std::string> elements;
      for (const Node& item : node.items) {
        if (item.kind != Kind::string) return wrong_type(key, std::string(kind_name(item.kind)) + " in it");
        elements.push_back(item.text);
      }
      return key.rule.type == Type::names ? checked_names(key, elements) : checked_list(key, std::move(elements));
    }
    case Type::pairs: {
      if (node.kind != Kind::table) break;
      std::vector<std::pair<std::string, std::string>> pairs;
      for (const auto& [name, member] : node.members) {
        if (member.kind != Kind::string) return wrong_type(key, std::string(kind_name(member.kind)) + " in it");
        pairs.emplace_back(name, member.text);
      }
      return Value{std::move(pairs)};
    }
  }
  return wrong_type(key, kind_name(node.kind));
}

Result<Value> value_of(const Key& key, const std::string& text) {
  switch (key.rule.type) {
    case Type::flag: {
      std::string lower = text;
      for (char& c : lower)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
      for (const char* yes : {"true", "1", "yes", "on"})
        if (lower == yes) return Value{true};
      for (const char* no : {"false", "0", "no", "off"})
        if (lower == no) return Value{false};
      return wrong_type(key, text.empty() ? "an empty text" : shown(text));
    }
    case Type::integer: {
      bool overflow = false;
      if (const auto number = parse_integer(text, overflow)) return checked_integer(key, *number);
      const bool negative = text.starts_with('-');
      if (overflow) return Error{range_message(key, key.rule.least, key.rule.most, !negative)};
      return wrong_type(key, text.empty() ? "an empty text" : shown(text));
    }
    case Type::text:
      return checked_text(key, text);
    case Type::choice:
      return checked_choice(key, text);
    case Type::duration:
      return checked_duration(key, text);
    case Type::list:
      return text.empty() ? Result<Value>(Value{std::vector<std::string>{}}) : checked_list(key, split_list(text));
    case Type::pairs:
    case Type::names:
    case Type::json:
      break;
  }
  return Error{"cannot be set in the environment"};
}

}  // namespace fraiseql::config
