#include "executor/language/condition.hpp"

#include <array>
#include <vector>

#include "executor/event_view.hpp"
#include "executor/language/condition_parser.hpp"
#include "executor/language/condition_program.hpp"
#include "executor/language/decimal.hpp"

namespace fraiseql {
namespace {

using raw_json::Kind;

/// Of what cannot be known nothing can be concluded: the logic of SQL's NULL.
enum class Truth { no, yes, unknown };

Truth truth_of(bool value) { return value ? Truth::yes : Truth::no; }
Truth opposite(Truth truth) { return truth == Truth::unknown ? truth : truth_of(truth == Truth::no); }

/// A value of an operand. A missing one is null. Points into the event or the program.
struct Value {
  bool known = true;
  Kind kind = Kind::null;
  std::string_view raw;  ///< of numbers, arrays and objects
  raw_json::Text text;   ///< of texts
};

Value value_of(std::string_view raw) {
  const Kind kind = raw_json::kind(raw);
  if (kind == Kind::none) return {};
  if (kind == Kind::text) return {true, kind, {}, raw_json::text(raw)};
  return {true, kind, raw, {}};
}

bool equal(const Value& one, const Value& other) {
  if (one.kind != other.kind) return false;
  switch (one.kind) {
    case Kind::number:
      return compare_decimals(one.raw, other.raw) == 0;
    case Kind::text:
      return raw_json::compare(one.text, other.text) == 0;
    case Kind::array:
    case Kind::object:
      return raw_json::same(one.raw, other.raw);
    default:
      return true;
  }
}

/// A row, of which the columns that a condition names are found in one pass, when the first of them is asked for.
class Row {
 public:
  Row(std::string_view json, const std::vector<std::string>& heads) : json_(json), heads_(heads) {}

  /// Empty: there is no such value.
  std::string_view find(const RowPath& path) {
    if (!read_) read();
    return raw_json::find(found_[path.head], path.rest);
  }

 private:
  void read() {
    read_ = true;
    if (heads_.size() > few_.size()) many_.resize(heads_.size());
    found_ = many_.empty() ? std::span(few_).first(heads_.size()) : std::span(many_);
    raw_json::members(json_, heads_, found_);
  }

  std::string_view json_;
  const std::vector<std::string>& heads_;
  bool read_ = false;
  std::span<std::string_view> found_;
  std::array<std::string_view, 8> few_;
  std::vector<std::string_view> many_;
};

/// One evaluation.
class Judging {
 public:
  using Program = Condition::Program;
  using Node = Program::Node;

  Judging(const Program& program, const EventView& event)
      : program_(program),
        event_(event),
        no_earlier_(event.event == "INSERT" || event.event == "DELETE"),
        has_before_(!event.before.empty() && event.before != "null"),
        now_(event.data, program.heads),
        before_(event.before, program.heads) {}

  Condition::Verdict judge() {
    if (program_.needs_before && !no_earlier_ && !has_before_ && event_.changed.empty())
      return {.holds = false, .without_before = true};
    const Truth truth = truth_of_node(program_.nodes.back());
    return {truth == Truth::yes, truth == Truth::unknown, incomparable_};
  }

 private:
  const Node& part(const Node& node, std::size_t number) const { return program_.nodes[node.parts[number]]; }
  const RowPath& path(const Node& node) const { return program_.paths[node.path]; }

  Truth truth_of_node(const Node& node) {
    switch (node.kind) {
      case Node::Kind::either:
        return parts_until(node, Truth::yes);
      case Node::Kind::both:
        return parts_until(node, Truth::no);
      case Node::Kind::negation:
        return opposite(truth_of_node(part(node, 0)));
      case Node::Kind::compare:
        return compare(node.comparison, value(part(node, 0)), value(part(node, 1)));
      case Node::Kind::within:
        return within(node);
      case Node::Kind::has:
        return truth_of(!now_.find(path(node)).empty());
      case Node::Kind::had:
        if (no_earlier_) return Truth::no;
        return has_before_ ? truth_of(!before_.find(path(node)).empty()) : Truth::unknown;
      case Node::Kind::changed:
        return changed(path(node));
      case Node::Kind::changed_to:
        return changed_and_equal(node, value_of(now_.find(path(node))));
      case Node::Kind::changed_from:
        return changed_and_equal(node, earlier(path(node)));
      case Node::Kind::literal:
      case Node::Kind::current:
      case Node::Kind::earlier:
        break;
    }
    const Value found = value(node);
    return found.known ? truth_of(found.kind == Kind::yes) : Truth::unknown;
  }

  // The first part that is `decisive` decides; then one that is unknown does.
  Truth parts_until(const Node& node, Truth decisive) {
    Truth result = opposite(decisive);
    for (const std::size_t number : node.parts) {
      const Truth truth = truth_of_node(program_.nodes[number]);
      if (truth == decisive) return truth;
      if (truth == Truth::unknown) result = truth;
    }
    return result;
  }

  Value value(const Node& node) {
    switch (node.kind) {
      case Node::Kind::literal:
        return {true, node.literal, node.text, {node.text}};
      case Node::Kind::current:
        return value_of(now_.find(path(node)));
      case Node::Kind::earlier:
        return earlier(path(node));
      default:
        break;
    }
    const Truth truth = truth_of_node(node);
    return {truth != Truth::unknown, truth == Truth::yes ? Kind::yes : Kind::no, {}, {}};
  }

  Value earlier(const RowPath& of) {
    if (no_earlier_) return {};
    if (!has_before_) return {false, Kind::null, {}, {}};
    return value_of(before_.find(of));
  }

  Truth compare(Node::Operator comparison, const Value& left, const Value& right) {
    if (!left.known || !right.known) return Truth::unknown;
    if (comparison == Node::Operator::equal) return truth_of(equal(left, right));
    if (comparison == Node::Operator::unequal) return truth_of(!equal(left, right));
    const bool numbers = left.kind == Kind::number && right.kind == Kind::number;
    const bool texts = left.kind == Kind::text && right.kind == Kind::text;
    if (!numbers && !texts) {
      incomparable_ = true;
      return Truth::no;
    }
    const auto order = numbers ? compare_decimals(left.raw, right.raw) : raw_json::compare(left.text, right.text);
    switch (comparison) {
      case Node::Operator::less:
        return truth_of(order < 0);
      case Node::Operator::less_equal:
        return truth_of(order <= 0);
      case Node::Operator::greater:
        return truth_of(order > 0);
      default:
        return truth_of(order >= 0);
    }
  }

  Truth within(const Node& node) {
    const Value wanted = value(part(node, 0));
    Truth result = Truth::no;
    for (std::size_t number = 1; number < node.parts.size(); ++number) {
      const Truth truth = compare(Node::Operator::equal, wanted, value(part(node, number)));
      if (truth == Truth::yes) return truth;
      if (truth == Truth::unknown) result = truth;
    }
    return result;
  }

  Truth changed(const RowPath& of) {
    if (no_earlier_) return Truth::no;
    if (has_before_) {
      const std::string_view was = before_.find(of), is = now_.find(of);
      return truth_of(!raw_json::same(was.empty() ? "null" : was, is.empty() ? "null" : is));
    }
    // Names of columns: of what is inside a column that changed they say nothing.
    if (raw_json::holds_text(event_.changed, of.written)) return Truth::yes;
    if (!of.rest.empty() && raw_json::holds_text(event_.changed, program_.heads[of.head])) return Truth::unknown;
    return Truth::no;
  }

  Truth changed_and_equal(const Node& node, const Value& value_then) {
    const Truth has_changed = changed(path(node));
    if (has_changed == Truth::no) return Truth::no;
    const Truth equal_then = compare(Node::Operator::equal, value_then, value(part(node, 0)));
    if (equal_then == Truth::no) return Truth::no;
    return has_changed == Truth::unknown ? has_changed : equal_then;
  }

  const Program& program_;
  const EventView& event_;
  const bool no_earlier_, has_before_;
  Row now_, before_;
  bool incomparable_ = false;
};

}  // namespace

Condition::Condition(std::string_view text) : program_(std::make_unique<const Program>(ConditionParser::parse(text))) {}
Condition::~Condition() = default;
Condition::Condition(Condition&&) noexcept = default;
Condition& Condition::operator=(Condition&&) noexcept = default;

Condition::Verdict Condition::judge(const EventView& event) const { return Judging(*program_, event).judge(); }
bool Condition::needs_before() const { return program_->needs_before; }

}  // namespace fraiseql
