// Random conditions on random rows against a slow evaluator that works on a tree of plain values, and against damaged input.
// TEST_SEED=<seed> repeats a run.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <optional>
#include <variant>

#include "executor/event_view.hpp"
#include "executor/language/condition.hpp"
#include "tests/support/condition_mutations.hpp"

using namespace fraiseql;

namespace {

std::uint64_t seed() {
  static const std::uint64_t chosen = [] {
    const char* given = std::getenv("TEST_SEED");
    const std::uint64_t one = given ? std::strtoull(given, nullptr, 10) : std::random_device{}();
    std::cout << "conditions: TEST_SEED=" << one << std::endl;
    return one;
  }();
  return chosen;
}

using Null = std::monostate;
/// Numbers in hundredths.
using Value = std::variant<Null, bool, std::int64_t, std::string>;
using Row = std::map<std::string, Value>;

/// What an event is made of, besides its type.
struct Change {
  std::string type;
  Row now;
  std::optional<Row> before;
  std::optional<std::vector<std::string>> changed;
};

/// Nothing: unknown.
using Truth = std::optional<bool>;

struct Expression {
  enum class Kind { either, both, negation, compare, within, literal, current, earlier, has, changed, changed_to, changed_from };
  Kind kind{};
  std::string sign;    // of compare
  std::string column;  // of those that look at one
  Value literal;
  std::vector<Expression> parts;
};
using Kind = Expression::Kind;

const std::vector<std::string> columns{"a", "b", "c", "d", "e", "größe"};
const std::vector<std::string> signs{"==", "!=", "<", "<=", ">", ">="};

/// The language by its definition, as plainly as it goes.
class Naive {
 public:
  explicit Naive(const Change& change) : change_(change) {}

  Condition::Verdict judge(const Expression& root) {
    if (updates() && !change_.before && !change_.changed && names_earlier(root)) return {false, true, false};
    const Truth result = truth(root);
    return {result.value_or(false), !result, incomparable_};
  }

 private:
  bool updates() const { return change_.type != "INSERT" && change_.type != "DELETE"; }
  static bool names_earlier(const Expression& e) {
    if (e.kind == Kind::earlier || e.kind == Kind::changed || e.kind == Kind::changed_to || e.kind == Kind::changed_from)
      return true;
    return std::any_of(e.parts.begin(), e.parts.end(), names_earlier);
  }
  static Value at(const Row& row, const std::string& column) {
    const auto found = row.find(column);
    return found == row.end() ? Value{} : found->second;
  }
  static Truth negated(Truth truth) { return truth ? Truth(!*truth) : truth; }

  // Three-valued, by the tables: an `or` is the greatest of its parts with no < unknown < yes.
  Truth either(const Expression& e, bool wanted) {
    bool unknown = false;
    for (const auto& part : e.parts) {
      const Truth one = truth(part);
      if (one && *one == wanted) return wanted;
      unknown = unknown || !one;
    }
    return unknown ? Truth{} : Truth(!wanted);
  }

  Truth compare(const std::string& sign, const std::optional<Value>& one, const std::optional<Value>& other) {
    if (!one || !other) return {};
    if (sign == "==") return *one == *other;
    if (sign == "!=") return *one != *other;
    const bool ordered = one->index() == other->index() && one->index() >= 2;
    if (!ordered) {
      incomparable_ = true;
      return false;
    }
    if (sign == "<") return *one < *other;
    if (sign == "<=") return *one <= *other;
    if (sign == ">") return *one > *other;
    return *one >= *other;
  }

  Truth truth(const Expression& e) {
    switch (e.kind) {
      case Kind::either:
        return either(e, true);
      case Kind::both:
        return either(e, false);
      case Kind::negation:
        return negated(truth(e.parts[0]));
      case Kind::compare: {
        const auto one = value(e.parts[0]);
        return compare(e.sign, one, value(e.parts[1]));
      }
      case Kind::within: {
        bool unknown = false;
        const auto wanted = value(e.parts[0]);
        for (std::size_t i = 1; i < e.parts.size(); ++i) {
          const Truth same = compare("==", wanted, value(e.parts[i]));
          if (same && *same) return true;
          unknown = unknown || !same;
        }
        return unknown ? Truth{} : Truth(false);
      }
      case Kind::has:
        return change_.now.contains(e.column);
      case Kind::changed:
        return changed(e.column);
      case Kind::changed_to:
        return changed_and(e, at(change_.now, e.column));
      case Kind::changed_from:
        return changed_and(e, earlier(e.column));
      default:
        break;
    }
    const auto found = value(e);
    return found ? Truth(*found == Value(true)) : Truth{};
  }

  std::optional<Value> value(const Expression& e) {
    if (e.kind == Kind::literal) return e.literal;
    if (e.kind == Kind::current) return at(change_.now, e.column);
    if (e.kind == Kind::earlier) return earlier(e.column);
    const Truth found = truth(e);
    return found ? std::optional<Value>(*found) : std::nullopt;
  }
  std::optional<Value> earlier(const std::string& column) {
    if (!updates()) return Value{};
    return change_.before ? std::optional<Value>(at(*change_.before, column)) : std::nullopt;
  }
  Truth changed(const std::string& column) {
    if (!updates()) return false;
    if (change_.before) return at(*change_.before, column) != at(change_.now, column);
    return std::find(change_.changed->begin(), change_.changed->end(), column) != change_.changed->end();
  }
  Truth changed_and(const Expression& e, const std::optional<Value>& then) {
    return *changed(e.column) ? compare("==", then, value(e.parts[0])) : Truth(false);
  }

  const Change& change_;
  bool incomparable_ = false;
};

/// Random rows and expressions, and their many spellings.
class Maker {
 public:
  explicit Maker(std::uint64_t from) : dice_(from) {}

  std::size_t below(std::size_t limit) { return std::uniform_int_distribution<std::size_t>(0, limit - 1)(dice_); }
  bool one_in(std::size_t n) { return below(n) == 0; }
  template <class T>
  const T& any(const std::vector<T>& of) {
    return of[below(of.size())];
  }

  Value value() {
    static const std::vector<std::int64_t> numbers{0, 1, 100, -100, 10000, 15050, -5, 900719925474099300, 900719925474099301};
    static const std::vector<std::string> texts{"",   "a",   "b", "ab",  "shipped", "it's", "\"",
                                                "\\", "Zoë", "😀", "100", "a\\n",    "]}"};
    switch (below(8)) {
      case 0:
        return Null{};
      case 1:
        return one_in(2);
      case 2:
      case 3:
      case 4:
        return any(texts);
      default:
        return any(numbers);
    }
  }
  Row row() {
    Row made;
    for (const auto& column : columns)
      if (!one_in(4)) made[column] = value();
    return made;
  }
  Change change() {
    static const std::vector<std::string> types{"INSERT", "UPDATE", "UPDATE", "UPDATE", "DELETE", "CUSTOM"};
    Change made{any(types), row(), {}, {}};
    if (one_in(2)) {
      made.before = made.now;
      for (const auto& column : columns)
        if (one_in(3)) (*made.before)[column] = value();
    }
    if (one_in(2)) {
      made.changed.emplace();
      for (const auto& column : columns)
        if (one_in(2)) made.changed->push_back(column);
    }
    return made;
  }

  Expression operand() {
    switch (below(5)) {
      case 0:
        return {Kind::earlier, "", any(columns), {}, {}};
      case 1:
      case 2:
        return {Kind::current, "", any(columns), {}, {}};
      default:
        return {Kind::literal, "", "", value(), {}};
    }
  }
  Expression expression(int depth) {
    if (depth > 0 && !one_in(3)) {
      Expression made;
      made.kind = one_in(4) ? Kind::negation : one_in(2) ? Kind::either : Kind::both;
      for (std::size_t i = made.kind == Kind::negation ? 1 : 2 + below(2); i > 0; --i)
        made.parts.push_back(expression(depth - 1));
      return made;
    }
    switch (below(9)) {
      case 0:
        return {Kind::has, "", any(columns), {}, {}};
      case 1:
        return {Kind::changed, "", any(columns), {}, {}};
      case 2:
        return {Kind::changed_to, "", any(columns), {}, {operand()}};
      case 3:
        return {Kind::changed_from, "", any(columns), {}, {operand()}};
      case 4:
        return {one_in(2) ? Kind::current : Kind::earlier, "", any(columns), {}, {}};
      case 5: {
        Expression made{Kind::within, "", "", {}, {operand()}};
        for (std::size_t i = 1 + below(3); i > 0; --i) made.parts.push_back(operand());
        return made;
      }
      case 6:
        return {Kind::compare, any(signs), "", {}, {expression(0), operand()}};
      default:
        return {Kind::compare, any(signs), "", {}, {operand(), operand()}};
    }
  }

  std::string condition(const Expression& e, int binding = 0) {
    // What binds less tightly than its surroundings needs parentheses; others may have them.
    const int own = e.kind == Kind::either                              ? 0
                    : e.kind == Kind::both                              ? 1
                    : e.kind == Kind::negation                          ? 2
                    : e.kind == Kind::compare || e.kind == Kind::within ? 3
                                                                        : 4;
    if (own < binding || (one_in(8) && e.kind != Kind::literal)) return "(" + blank() + condition(e, 0) + blank() + ")";
    switch (e.kind) {
      case Kind::either:
        return joined(e, "||", 1);
      case Kind::both:
        return joined(e, "&&", 2);
      case Kind::negation:
        return "!" + blank() + condition(e.parts[0], 2);
      case Kind::compare:
        return condition(e.parts[0], 4) + blank() + e.sign + blank() + condition(e.parts[1], 4);
      case Kind::within: {
        std::string text = condition(e.parts[0], 4) + " in" + blank() + "(";
        for (std::size_t i = 1; i < e.parts.size(); ++i)
          text += (i > 1 ? "," : "") + blank() + condition(e.parts[i], 4) + blank();
        return text + ")";
      }
      case Kind::literal:
        return literal(e.literal);
      case Kind::current:
        return path(e.column) + (one_in(4) ? ".new" : "");
      case Kind::earlier:
        return path(e.column) + ".old";
      case Kind::has:
        return one_in(2) ? "has(" + path(e.column) + ")" : "has_field('" + path(e.column) + "')";
      case Kind::changed:
        return one_in(2) ? path(e.column) + ".changed()" : "field_changed(\"" + path(e.column) + "\")";
      case Kind::changed_to:
        return "field_changed_to('" + e.column + "'," + blank() + condition(e.parts[0], 4) + ")";
      case Kind::changed_from:
        return "field_changed_from('" + e.column + "'," + blank() + condition(e.parts[0], 4) + ")";
    }
    return {};
  }

  std::string json(const Row& row) {
    std::vector<std::string> members;
    for (const auto& [name, value] : row) {
      if (one_in(8)) members.push_back(json_text(name) + ":\"an earlier one of that name\"");
      members.push_back(json_text(name) + blank() + ":" + blank() + json(value));
    }
    // Others that must not get in the way.
    static const std::vector<std::string> noise{R"("x":{"a":1,"b":[{"c":"}"}]})", R"("y":["a","\"a\":1"])", R"("z\"":"\\")",
                                                R"("":0)"};
    for (std::size_t i = below(3); i > 0; --i)
      members.insert(members.begin() + static_cast<std::ptrdiff_t>(below(2) == 0 ? 0 : members.size()), any(noise));
    std::string text = "{";
    for (std::size_t i = 0; i < members.size(); ++i) text += (i > 0 ? "," : "") + blank() + members[i] + blank();
    return text + "}";
  }
  std::string json(const std::vector<std::string>& names) {
    std::string text = "[";
    for (const auto& name : names) text += (text.size() > 1 ? "," : "") + blank() + json_text(name);
    return text + "]";
  }

 private:
  std::string blank() { return std::string(below(2), ' '); }
  std::string path(const std::string& column) { return (one_in(4) ? "data." : "") + column; }
  std::string joined(const Expression& e, const std::string& sign, int binding) {
    std::string text;
    for (const auto& part : e.parts) text += (text.empty() ? "" : blank() + sign + blank()) + condition(part, binding);
    return text;
  }

  // The same number in one of its many spellings.
  std::string number(std::int64_t hundredths) {
    const bool negative = hundredths < 0;
    std::string digits = std::to_string(negative ? -hundredths : hundredths);
    if (digits.size() < 3) digits.insert(0, 3 - digits.size(), '0');
    std::string whole = digits.substr(0, digits.size() - 2), fraction = digits.substr(digits.size() - 2);
    std::string text;
    if (hundredths != 0 && one_in(4)) {
      std::string bare = std::to_string(negative ? -hundredths : hundredths);
      text = bare + (one_in(2) ? "e-2" : "000E-05");
    } else {
      if (fraction == "00" && one_in(2))
        text = whole;
      else
        text = whole + "." + fraction + (one_in(3) ? "00" : "");
      if (one_in(6)) text += one_in(2) ? "e0" : "e+00";
    }
    return (negative || (hundredths == 0 && one_in(4)) ? "-" : "") + text;
  }
  std::string literal(const Value& value) {
    if (std::holds_alternative<Null>(value)) return "null";
    if (const bool* truth = std::get_if<bool>(&value)) return *truth ? "true" : "false";
    if (const auto* hundredths = std::get_if<std::int64_t>(&value)) return number(*hundredths);
    const char quote = one_in(2) ? '\'' : '"';
    std::string text(1, quote);
    for (const char c : std::get<std::string>(value)) {
      if (c == quote || c == '\\' || ((c == '\'' || c == '"') && one_in(2))) text += '\\';
      text += c;
    }
    return text + quote;
  }
  std::string json(const Value& value) {
    if (const auto* text = std::get_if<std::string>(&value)) return json_text(*text);
    return literal(value);
  }
  std::string json_text(const std::string& text) {
    static constexpr char hex[] = "0123456789abcdef";
    std::string made = "\"";
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      if (c == '"' || c == '\\')
        made += std::string("\\") + c;
      else if (byte < 0x80 && one_in(6))
        made += std::string("\\u00") + hex[byte >> 4] + hex[byte & 15];
      else
        made += c;
    }
    return made + "\"";
  }

  std::mt19937_64 dice_;
};

std::string shown(const Condition::Verdict& verdict) {
  return std::string(verdict.without_before ? "unknown" : verdict.holds ? "true" : "false") + (verdict.incomparable ? "!" : "");
}

/// An event that owns its texts.
struct Texts {
  std::string data, before, changed;
  EventView view;
  Texts(Maker& maker, const Change& change) : data(maker.json(change.now)) {
    if (change.before) before = maker.json(*change.before);
    if (change.changed) changed = maker.json(*change.changed);
    view.event = change.type, view.data = data, view.before = before, view.changed = changed;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(condition_laws)

BOOST_AUTO_TEST_CASE(random_conditions_are_judged_as_a_naive_evaluator_judges_them) {
  Maker maker(seed());
  std::map<std::string, int> verdicts;
  for (int i = 0; i < 20'000; ++i) {
    const Change change = maker.change();
    // A literal alone is refused, so it never is the whole.
    const Expression expression = maker.expression(static_cast<int>(maker.below(4)));
    const std::string text = maker.condition(expression);
    const Texts event(maker, change);
    const std::string expected = shown(Naive(change).judge(expression));
    const std::string found = shown(Condition(text).judge(event.view));
    ++verdicts[expected];
    if (found == expected) continue;
    BOOST_ERROR("TEST_SEED=" << seed() << " round " << i << ": " << text << "\nis " << found << ", expected " << expected << "\n"
                             << change.type << " " << event.data << "\nbefore " << event.before << "\nchanged " << event.changed);
    return;
  }
  for (const char* verdict : {"true", "false", "unknown", "true!", "false!", "unknown!"})
    BOOST_TEST(verdicts[verdict] > 0, verdict << " never came");
}

BOOST_AUTO_TEST_CASE(the_laws_of_logic_hold_for_any_conditions) {
  Maker maker(seed() + 1);
  const auto same = [&](const EventView& view, const std::string& one, const std::string& other) {
    const auto a = Condition(one).judge(view), b = Condition(other).judge(view);
    BOOST_TEST((a.holds == b.holds && a.without_before == b.without_before),
               "TEST_SEED=" << seed() << ": " << one << " and " << other << " on " << view.data);
  };
  for (int i = 0; i < 3'000; ++i) {
    const Texts event(maker, maker.change());
    const std::string a = "(" + maker.condition(maker.expression(1)) + ")", b = "(" + maker.condition(maker.expression(1)) + ")",
                      c = "(" + maker.condition(maker.expression(1)) + ")";
    same(event.view, "!!" + a, a);
    same(event.view, "!(" + a + "&&" + b + ")", "!" + a + "||!" + b);
    same(event.view, "!(" + a + "||" + b + ")", "!" + a + "&&!" + b);
    same(event.view, a + "&&" + b, b + "&&" + a);
    same(event.view, a + "||" + b, b + "||" + a);
    same(event.view, a + "&&(" + b + "||" + c + ")", a + "&&" + b + "||" + a + "&&" + c);
    same(event.view, a + "||(" + b + "&&" + c + ")", "(" + a + "||" + b + ")&&(" + a + "||" + c + ")");
    const std::string x = maker.condition(maker.operand(), 4), y = maker.condition(maker.operand(), 4),
                      z = maker.condition(maker.operand(), 4);
    same(event.view, x + "==" + y, y + "==" + x);
    same(event.view, x + "!=" + y, "!" + x + "==" + y);
    same(event.view, x + "<" + y, y + ">" + x);
    same(event.view, x + "<=" + y, x + "<" + y + "||(" + x + ">=" + y + "&&" + x + "==" + y + ")");
    same(event.view, x + " in (" + y + "," + z + ")", x + "==" + y + "||" + x + "==" + z);
  }
}

BOOST_AUTO_TEST_CASE(damaged_conditions_and_rows_never_do_harm) {
  test::ConditionMutations mutations(seed() + 2);
  for (int i = 0; i < 20'000; ++i) {
    const std::string condition = mutations.condition(), now = mutations.json(), before = mutations.json(),
                      changed = mutations.names();
    const std::string wrong = test::try_condition(condition, now, before, changed);
    if (wrong.empty()) continue;
    BOOST_ERROR("TEST_SEED=" << seed() << " round " << i << ": " << wrong << "\n"
                             << condition << "\n"
                             << now << "\n"
                             << before << "\n"
                             << changed);
    return;
  }
}

BOOST_AUTO_TEST_SUITE_END()
