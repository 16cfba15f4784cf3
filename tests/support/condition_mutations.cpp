#include "tests/support/condition_mutations.hpp"

#include <array>

#include "executor/event_view.hpp"
#include "executor/language/caret.hpp"
#include "executor/language/condition.hpp"
#include "executor/language/mistake.hpp"

namespace fraiseql::test {
namespace {

constexpr std::array<std::string_view, 40> pieces{"total",
                                                  "status",
                                                  "data.status",
                                                  "items[0].sku",
                                                  "größe",
                                                  "a",
                                                  "a.b",
                                                  "status.changed()",
                                                  "a.old",
                                                  "b.new",
                                                  "has(status)",
                                                  "'shipped'",
                                                  "\"x\\\"y\"",
                                                  "'it\\'s'",
                                                  "100",
                                                  "-1.50",
                                                  "1e400",
                                                  "1e-1000000000",
                                                  "true",
                                                  "false",
                                                  "null",
                                                  "==",
                                                  "!=",
                                                  "<",
                                                  "<=",
                                                  ">",
                                                  ">=",
                                                  "&&",
                                                  "||",
                                                  "!",
                                                  "(",
                                                  ")",
                                                  "in",
                                                  "('a','b')",
                                                  ",",
                                                  "[",
                                                  "]",
                                                  ".",
                                                  "has_field('a.b')",
                                                  "field_changed_to('status', 'x')"};

constexpr std::array<std::string_view, 12> whole{
    "status.changed() && status == 'shipped' && total > 100",
    "!(status in ('new', \"old\", 1e2)) || a.b.old != null",
    "has(items[0].sku) && items[0].sku >= 'A'",
    "field_changed_from('status','pending')",
    "field_changed('a.b') == true",
    "((total)) > -5.25e-3 && (a || b) == flag",
    "data.status.new == 'x' && !total > 1",
    "big == 9007199254740993 || 100 < total",
    "größe.changed() && name == 'Zoë \\\\ \\' \\\"'",
    "a && b && c && d || e && !f",
    "has(a.old) || a.old in (b, c.old, 'x')",
    "total == 1e99999999999999999999",
};

constexpr std::array<std::string_view, 12> names_of_members{"status",       "total", "a",    "b",      "items", "sku",
                                                            "sta\\u0074us", "größe", "flag", "before", "",      "\\\"q\\\\"};

}  // namespace

std::string ConditionMutations::condition() {
  std::string text;
  if (below(2) == 0) {
    text = whole[below(whole.size())];
  } else {
    for (std::size_t i = below(12) + 1; i > 0; --i)
      text += std::string(pieces[below(pieces.size())]) + (below(4) == 0 ? "" : " ");
  }
  if (below(8) == 0) text.insert(0, below(200), below(2) == 0 ? '!' : '(');
  return below(2) == 0 ? text : damaged(text);
}

std::string ConditionMutations::damaged(std::string text) {
  for (std::size_t i = below(4) + 1; i > 0; --i) {
    const std::size_t at = below(text.size() + 1);
    switch (below(5)) {
      case 0:
        text.insert(at, 1, static_cast<char>(below(256)));
        break;
      case 1:
        text.erase(at, below(6));
        break;
      case 2:
        text.insert(at, pieces[below(pieces.size())]);
        break;
      case 3:
        if (at < text.size()) text[at] = static_cast<char>(static_cast<unsigned char>(text[at]) ^ (1u << below(8)));
        break;
      default:
        text = text.substr(0, at) + text.substr(below(text.size() + 1));
        break;
    }
  }
  return text;
}

std::string ConditionMutations::json() {
  const std::string text = value(below(8) == 0 ? 0 : 3);
  return below(4) == 0 ? damaged(text) : text;
}

std::string ConditionMutations::names() {
  std::string array = "[";
  for (std::size_t i = below(4); i > 0; --i)
    array += "\"" + std::string(names_of_members[below(names_of_members.size())]) + "\"" + (i > 1 ? "," + blanks() : "");
  return array + "]";
}

std::string ConditionMutations::value(int depth) {
  const std::size_t kind = depth == 3 ? 7 : below(depth > 0 ? 8 : 6);
  if (kind < 2) return text();
  if (kind < 4) return number();
  if (kind == 4) return below(2) == 0 ? "true" : "false";
  if (kind == 5) return "null";
  const bool object = kind == 7;
  std::string container = object ? "{" : "[";
  for (std::size_t i = below(8); i > 0; --i) {
    if (object)
      container += "\"" + std::string(names_of_members[below(names_of_members.size())]) + "\"" + blanks() + ":" + blanks();
    container += value(depth - 1) + blanks() + (i > 1 ? "," + blanks() : "");
  }
  return container + (object ? "}" : "]");
}

std::string ConditionMutations::text() {
  static constexpr std::array<std::string_view, 10> parts{"shipped", "a", "\\u0061",        "\\n",     "\\\"",
                                                          "\\\\",    "ü", "\\ud83d\\ude00", "\\ud83d", "]}"};
  std::string text = "\"";
  for (std::size_t i = below(4); i > 0; --i) text += parts[below(parts.size())];
  return text + "\"";
}

std::string ConditionMutations::number() {
  static constexpr std::array<std::string_view, 9> numbers{
      "0", "-0", "100", "100.00", "1e2", "9007199254740993", "1e400", "-1e-1000000000", "0.001e99999999999999999999"};
  return std::string(numbers[below(numbers.size())]);
}

std::string ConditionMutations::blanks() { return std::string(below(3) == 0 ? below(3) : 0, ' '); }

std::string try_condition(std::string_view condition, std::string_view data, std::string_view before, std::string_view changed) {
  try {
    const Condition compiled(condition);
    for (const char* type : {"INSERT", "UPDATE", "DELETE", "CUSTOM"}) {
      for (const std::string_view was : {before, std::string_view{}}) {
        for (const std::string_view names : {changed, std::string_view{}}) {
          EventView event;
          event.event = type, event.data = data, event.before = was, event.changed = names;
          const auto one = compiled.judge(event), again = compiled.judge(event);
          if (one.holds && one.without_before) return "it holds although it cannot be known";
          if (one.without_before && (!compiled.needs_before() || (!was.empty() && was != "null")))
            return "what there is is said to be missing";
          if (one.holds != again.holds || one.incomparable != again.incomparable) return "a second look differs from the first";
        }
      }
    }
  } catch (const Mistake& e) {
    if (e.at() > condition.size()) return "a mistake beyond the end: " + std::string(e.what());
    if (std::string_view(e.what()).empty()) return "a mistake without words";
    (void)with_caret(condition, e.at());
  }
  return {};
}

}  // namespace fraiseql::test
