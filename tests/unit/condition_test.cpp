#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "common/errors.hpp"
#include "executor/event_view.hpp"
#include "executor/language/condition.hpp"
#include "executor/language/mistake.hpp"
#include "executor/observers.hpp"
#include "executor/tally.hpp"
#include "tests/support/programs.hpp"

using namespace fraiseql;
namespace data = boost::unit_test::data;

namespace {

std::string text_of(const std::string& path) {
  std::ifstream file(std::string(fraiseql::test::SOURCE_DIR) + "/" + path);
  BOOST_REQUIRE(file.good());
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::string> lines_of(const std::string& path) {
  std::stringstream text(text_of(path));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

EventView event(const char* type, std::string_view now, std::string_view before = "", std::string_view changed = "") {
  EventView view;
  view.event = type, view.entity = "Order", view.data = now, view.before = before, view.changed = changed;
  return view;
}

/// true, false, unknown; with `!` behind it when something could not be ordered; or the mistake.
std::string verdict(std::string_view condition, const EventView& view) {
  try {
    const auto verdict = Condition(condition).judge(view);
    BOOST_TEST(!(verdict.holds && verdict.without_before));
    return std::string(verdict.without_before ? "unknown" : verdict.holds ? "true" : "false") + (verdict.incomparable ? "!" : "");
  } catch (const Mistake& e) {
    BOOST_TEST(e.at() <= condition.size());
    return std::to_string(e.at()) + ": " + e.what();
  }
}

struct Row {
  std::string condition, expected;
  friend std::ostream& operator<<(std::ostream& out, const Row& row) { return out << row.condition; }
};

constexpr std::string_view now =
    R"({"total":150,"price":100.00,"status":"shipped","flag":true,"nil":null,"zero":-0,"huge":1e400,"tiny":1e-1000000000,)"
    R"("name":"Zo\u00eb \ud83d\ude00","quote":"it's \"so\\\"","address":{"city":"Oslo","old":"x"},"in":1,"has":2,"true":3,"größe":4,)"
    R"("items":[{"sku":"A1"},[1,2]],"data":{"x":7},"old":8,"changed":true,"first name":9,"a.b":10,"empty":""})";
constexpr std::string_view before =
    R"({"total":150.0,"price":100,"status":"pending","flag":false,"zero":0,"huge":10e399,"name":"Zo\u00eb 😀","address":{"city":"Oslo","old":"y"},)"
    R"("items":[{"sku":"A1"},[1,3]],"gone":1})";

}  // namespace

BOOST_AUTO_TEST_SUITE(condition)

BOOST_AUTO_TEST_CASE(every_row_of_the_table_of_cases_has_its_verdict) {
  const auto lines = lines_of("tests/data/conditions.tsv");
  std::string row, earlier;
  std::size_t cases = 0;
  for (const std::string& line : lines) {
    if (line.starts_with("# data:")) row = line.substr(line.find('{'));
    if (line.starts_with("# before:")) earlier = line.substr(line.find('{'));
    if (line.starts_with("#")) continue;
    const auto tab = line.rfind('\t');
    BOOST_REQUIRE(tab != line.npos);
    const std::string expected = line.substr(tab + 1), text = line.substr(0, tab);
    std::string found = verdict(text, event("UPDATE", row, earlier));
    if (found.find(": ") != found.npos) found = "error";
    if (found.ends_with('!')) found.pop_back();
    BOOST_TEST(found == expected, text << " is " << found << ", not " << expected);
    ++cases;
  }
  BOOST_TEST(cases == 71u);
}

const std::vector<Row> of_an_update = {
    // literals and comparing
    {"150 == 150.0 && 'a' == \"a\" && null == null && true == true && false == false", "true"},
    {"total == '150'", "false"},
    {"total != '150'", "true"},
    {"nil == 0", "false"},
    {"nil == false", "false"},
    {"nil == ''", "false"},
    {"empty == ''", "true"},
    {"empty == null", "false"},
    {"zero == 0 && 0 == zero && -0 == zero", "true"},
    {"huge == 1e400 && huge > 9e399 && huge < 1.1e400", "true"},
    {"tiny > 0 && tiny < 1e-999999999", "true"},
    {"huge < 1e99999999999999999999999999", "true"},
    {"total>=150&&total<=150&&!(total<150)&&!(total>150)", "true"},
    {"name == 'Zoë 😀'", "true"},
    {"quote == 'it\\'s \\\"so\\\\\\\"'", "true"},
    {"quote == \"it's \\\"so\\\\\\\"\"", "true"},
    {"status < 'shippec'", "false"},
    {"status < 'shippee0' || status < 'shippf'", "true"},
    {"'Z' < 'a' && 'a' < 'ä' && 'ä' < '😀'", "true"},
    {"'' < 'a'", "true"},
    {"'a' <= 'a'", "true"},
    // what has no order
    {"total > 'a'", "false!"},
    {"!(total > 'a')", "true!"},
    {"!total > 'a'", "true!"},
    {"nil < 1", "false!"},
    {"missing >= missing", "false!"},
    {"flag > false", "false!"},
    {"address < items", "false!"},
    {"total > 100 || total > 'a'", "true"},
    {"total < 100 || total > 'a'", "false!"},
    {"total < 100 && total > 'a'", "false"},
    // arrays and objects
    {"address == address", "true"},
    {"address == items", "false"},
    {"items[1] == null", "false"},
    {"items[1][1] == 2", "true"},
    {"items[0].sku.x == null", "true"},
    {"items.x == null", "true"},
    {"address[0] == null", "true"},
    {"items[999999999] == null", "true"},
    // in
    {"status in ('shipped')", "true"},
    {"total in ('150', 15e1)", "true"},
    {"nil in (1, null)", "true"},
    {"total in (price, total)", "true"},
    {"status in (1, true, null)", "false"},
    {"in == 1", "true"},
    {"in in (1)", "true"},
    {"1 in (in)", "true"},
    {"!status in ('shipped')", "false"},
    // words that are names too
    {"has == 2", "true"},
    {"data.true == 3", "true"},
    {"true", "true"},
    {"false", "false"},
    {"größe == 4", "true"},
    {"old == 8", "true"},
    {"changed", "true"},
    {"address.old == 'x'", "false"},
    {"address.old == address", "false"},
    {"address.old.city == null", "true"},
    {"data.data.x == 7", "true"},
    {"data.x == null", "true"},
    {"data.changed()", "true"},
    {"data.old == null", "true"},
    {"data.total == 150", "true"},
    // logic
    {"flag", "true"},
    {"!!flag", "true"},
    {"!flag || flag", "true"},
    {"total", "false"},
    {"!total", "true"},
    {"status", "false"},
    {"flag.old", "false"},
    {"(flag)", "true"},
    {"(total) > (100)", "true"},
    {"(total > 100) == flag", "true"},
    {"has(status) == true", "true"},
    {"status.changed() == false", "false"},
    {"false == (flag && status == 'x')", "true"},
    {"flag && !flag || flag", "true"},
    {"flag || flag && !flag", "true"},
    {"(flag || flag) && !flag", "false"},
    {" \t\r\n flag\n&&\ttotal>1 ", "true"},
    // before
    {"status.old == 'pending'", "true"},
    {"status.old == status", "false"},
    {"status.old < status.new", "true"},
    {"status.new == status", "true"},
    {"total.changed()", "false"},
    {"price.changed()", "false"},
    {"huge.changed()", "false"},
    {"zero.changed()", "false"},
    {"name.changed()", "false"},
    {"nil.changed()", "false"},
    {"missing.changed()", "false"},
    {"gone.changed()", "true"},
    {"gone.old == 1 && gone == null", "true"},
    {"address.changed()", "true"},
    {"address.city.changed()", "false"},
    {"items.changed()", "true"},
    {"items[0].changed()", "false"},
    {"items[1].changed() && items[1][0].changed() == false", "true"},
    {"flag.changed() && !flag.old", "true"},
    {"tiny.changed()", "true"},
    {"has(gone)", "false"},
    {"has(gone.old)", "true"},
    {"has(nil)", "true"},
    {"has(nil.old)", "false"},
    {"has(items[1][1])", "true"},
    {"has(items[2])", "false"},
    {"has(data.status.new)", "true"},
    {"status . changed ( )", "true"},
    {"address . city == 'Oslo'", "true"},
    // the older forms
    {"has_field('status')", "true"},
    {"has_field(\"missing\")", "false"},
    {"has_field('address.city')", "true"},
    {"has_field('items[1][0]')", "true"},
    {"has_field('data.status')", "true"},
    {"has_field('first name')", "true"},
    {"has_field('items[9]')", "false"},
    {"has_field('a..b')", "false"},
    {"field_changed('status')", "true"},
    {"field_changed('total')", "false"},
    {"field_changed_to('status', 'shipped')", "true"},
    {"field_changed_to('status', status.new)", "true"},
    {"field_changed_from('status', \"pending\")", "true"},
    {"field_changed_from('flag', false)", "true"},
    {"field_changed_from('gone', 1.0)", "true"},
    {"field_changed_to('gone', null)", "true"},
    {"field_changed_to('status', 'pending')", "false"},
    {"field_changed_to('address.old', 'x')", "true"},
    {"!field_changed_to('status', 'shipped')", "false"},
};
BOOST_DATA_TEST_CASE(an_update_with_the_row_before_it, of_an_update) {
  BOOST_TEST(verdict(sample.condition, event("UPDATE", now, before)) == sample.expected);
}

// On an UPDATE that says only which columns have changed.
const std::vector<Row> of_names = {
    {"status.changed()", "true"},
    {"total.changed()", "false"},
    {"!total.changed()", "true"},
    {"status.changed() && status == 'shipped'", "true"},
    {"address.city.changed()", "unknown"},
    {"!address.city.changed()", "unknown"},
    {"items[0].changed()", "false"},
    {"a.b.changed()", "true"},
    {"status.old == 'pending'", "unknown"},
    {"!(status.old == 'pending')", "unknown"},
    {"status.old == null", "unknown"},
    {"status.old in ('a')", "unknown"},
    {"status.old > 1", "unknown"},
    {"status.old", "unknown"},
    {"!status.old", "unknown"},
    {"has(status.old)", "unknown"},
    {"status.old == 'pending' || total > 100", "true"},
    {"total > 100 || status.old == 'pending'", "true"},
    {"status.old == 'pending' || total > 200", "unknown"},
    {"status.old == 'pending' && total > 200", "false"},
    {"total > 200 && status.old == 'pending'", "false"},
    {"status.old == 'pending' && total > 100", "unknown"},
    {"1 in (total.old, 1)", "true"},
    {"1 in (total.old, 2)", "unknown"},
    {"field_changed('status')", "true"},
    {"field_changed_to('status', 'shipped')", "true"},
    {"field_changed_to('total', 150)", "false"},
    {"field_changed_to('status', 'x')", "false"},
    {"field_changed_from('status', 'pending')", "unknown"},
    {"field_changed_from('total', 150)", "false"},
    {"field_changed_to('address.city', 'Oslo')", "unknown"},
    {"field_changed_to('address.city', 'Rome')", "false"},
    {"total > 'a' || status.old == 1", "unknown!"},
    {"(status.old == 1) == true", "unknown"},
};
BOOST_DATA_TEST_CASE(an_update_with_the_names_of_what_has_changed, of_names) {
  BOOST_TEST(verdict(sample.condition, event("UPDATE", now, "", R"(["sta\u0074us","address","a.b"])")) == sample.expected);
  BOOST_TEST(verdict(sample.condition, event("UPDATE", now, "null", R"(["status", "address", "a.b"])")) == sample.expected);
}

const std::vector<std::string> asks_for_earlier_values = {"status.changed()",
                                                          "total > 1 || status.changed()",
                                                          "total > 1 && status.old == 1",
                                                          "!status.changed()",
                                                          "field_changed('a')",
                                                          "field_changed_to('a', 1)",
                                                          "field_changed_from('a', 1)",
                                                          "a in (1, b.old)",
                                                          "has(a.old)",
                                                          "total > 1 || (false && !(true && a.b.changed()))",
                                                          "(a.old) == 1 || true"};
BOOST_DATA_TEST_CASE(with_neither_no_condition_holds_that_names_an_earlier_value_anywhere, asks_for_earlier_values) {
  BOOST_TEST(Condition(sample).needs_before());
  for (const char* type : {"UPDATE", "CUSTOM"}) BOOST_TEST(verdict(sample, event(type, now)) == "unknown");
  for (const char* type : {"INSERT", "DELETE"}) BOOST_TEST(!verdict(sample, event(type, now)).starts_with("unknown"));
}

BOOST_AUTO_TEST_CASE(other_conditions_do_not_ask_for_earlier_values) {
  for (const char* text :
       {"total > 1", "status.new == 1", "has(a.new)", "old == 1", "a.old.b == 1", "a.changed", "changed", "has_field('a.old')"}) {
    BOOST_TEST(!Condition(text).needs_before(), text);
    BOOST_TEST(!Condition(text).judge(event("UPDATE", now)).without_before, text);
  }
}

const std::vector<Row> of_the_first_and_the_last = {{"status.changed()", "false"},
                                                    {"!status.changed()", "true"},
                                                    {"status.old == null", "true"},
                                                    {"status.old == 'pending'", "false"},
                                                    {"has(status.old)", "false"},
                                                    {"field_changed('status')", "false"},
                                                    {"field_changed_to('status', 'shipped')", "false"},
                                                    {"field_changed_from('status', null)", "false"},
                                                    {"status.old", "false"},
                                                    {"status.old < 'x'", "false!"},
                                                    {"status == 'shipped' && !total.changed()", "true"}};
BOOST_DATA_TEST_CASE(on_insert_and_delete_nothing_has_changed_and_nothing_was_before, of_the_first_and_the_last) {
  for (const char* type : {"INSERT", "DELETE"}) {
    BOOST_TEST(verdict(sample.condition, event(type, now)) == sample.expected);
    BOOST_TEST(verdict(sample.condition, event(type, now, before, R"(["status"])")) == sample.expected);
  }
}

BOOST_AUTO_TEST_CASE(a_row_that_is_no_object_has_no_members) {
  for (const char* row : {"null", "17", "[1]", "\"x\"", "true", "{}", "[]"}) {
    BOOST_TEST(verdict("total == null && !has(total) && !(x.y[0] != null)", event("INSERT", row)) == "true");
    BOOST_TEST(verdict("total.changed()", event("UPDATE", row, R"({"total":1})")) == "true");
    BOOST_TEST(verdict("total.changed()", event("UPDATE", R"({"total":1})", row)) ==
               (std::string_view(row) == "null" ? "unknown" : "true"));
  }
}

// What is said of a mistake, and the byte it is about.
const std::vector<Row> mistakes = {
    {"", "0: the condition is empty"},
    {"  \n", "0: the condition is empty"},
    {"(total > 1", "0: this ( is never closed"},
    {"a && ((b || c)", "5: this ( is never closed"},
    {"total > 1)", "9: this ) closes nothing"},
    {"a b", "2: expected an operator, got b"},
    {"(a b)", "3: expected an operator, got b"},
    {"a 'b'", "2: expected an operator, got 'b'"},
    {"status = 'x'", "7: unknown operator =; write =="},
    {"total === 1", "6: unknown operator ===; write =="},
    {"a !== 1", "2: unknown operator !==; write !="},
    {"a <> 1", "2: unknown operator <>; write !="},
    {"a & b", "2: unknown operator &; write &&"},
    {"a | b", "2: unknown operator |; write ||"},
    {"a &&& b", "4: unknown operator &; write &&"},
    {"status =~ 'x'", "7: unknown operator =~; there are no patterns"},
    {"status == 'shipped", "10: this quote is never closed"},
    {"status == \"shipped'", "10: this quote is never closed"},
    {"'a\\", "0: this quote is never closed"},
    {"'a\\n'", R"(2: unknown escape; there are \', \" and \\)"},
    {"total >", "7: expected a value, got the end"},
    {"total >  \n", "7: expected a value, got the end"},
    {"&& total", "0: expected a value, got &&"},
    {"a && || b", "5: expected a value, got ||"},
    {"()", "1: expected a value, got )"},
    {"!", "1: expected a value, got the end"},
    {"a == !b", "5: ! stands before a whole comparison; put parentheses around it"},
    {"a == b == c", "7: a comparison cannot be compared; write && between two of them"},
    {"1 < a < 5", "6: a comparison cannot be compared; write && between two of them"},
    {"a == 'x' || 'y'", "12: a value alone is no condition; compare it with something"},
    {"100", "0: a value alone is no condition; compare it with something"},
    {"!null", "1: a value alone is no condition; compare it with something"},
    {"nosuch('a')", "0: unknown function nosuch"},
    {"changed(status)", "0: write field.changed()"},
    {"status.upper() == 'X'", "7: unknown function .upper()"},
    {"status.old()", "7: unknown function .old()"},
    {"field_changed()", "14: expected the name of a field in quotes, got )"},
    {"field_changed(status)", "14: expected the name of a field in quotes, got status"},
    {"field_changed('')", "14: the name of a field is empty"},
    {"field_changed('a', 1)", "17: expected ), got ,"},
    {"field_changed_to('a')", "20: expected ,, got )"},
    {"field_changed_to('a', )", "22: expected a value, got )"},
    {"has('a')", "4: has() takes a path without quotes, has_field() one with quotes"},
    {"has()", "4: expected a path, got )"},
    {"has(1)", "4: expected a path, got 1"},
    {"has(a.changed())", "4: has() takes a path"},
    {"has(a", "5: expected ), got the end"},
    {"has(a, b)", "5: expected ), got ,"},
    {"a in 'x'", "5: expected (, got 'x'"},
    {"a in ()", "6: expected a value, got )"},
    {"a in ('x',)", "10: expected a value, got )"},
    {"a in ('x'", "9: expected ), got the end"},
    {"a in ('x') in ('y')", "11: expected an operator, got in"},
    {"a.changed(1)", "10: expected ), got 1"},
    {"a.changed().old", "11: expected an operator, got ."},
    {"a.", "2: expected a name after the point, got the end"},
    {"a..b", "2: expected a name after the point, got ."},
    {"a.'b'", "2: expected a name after the point, got 'b'"},
    {"items.0", "6: expected a name after the point, got 0"},
    {"items[-1]", "6: expected the number of an element, from 0, got -1"},
    {"items[x]", "6: expected the number of an element, from 0, got x"},
    {"items[1.5]", "6: expected the number of an element, from 0, got 1.5"},
    {"items[1", "7: expected ], got the end"},
    {"items[9999999999]", "6: no array is as long as that"},
    {"items['a']", "6: expected the number of an element, from 0, got 'a'"},
    {"a > 01", "4: a number does not begin with 0"},
    {"a > 1.", "5: digits are missing after the point"},
    {"a > 1e", "5: digits are missing in the exponent"},
    {"a > .5", "4: expected a value, got ."},
    {"a > +5", "4: there is no arithmetic"},
    {"a > 1 + 2", "6: there is no arithmetic"},
    {"a - 1 > 0", "2: there is no arithmetic"},
    {"a > 5x", "4: this is neither a number nor a name"},
    {"a > -", "4: there is no arithmetic"},
    {"1a == 2", "0: this is neither a number nor a name"},
    {"a and b", "2: unknown word and; write &&"},
    {"a OR b", "2: unknown word OR; write ||"},
    {"not (a)", "0: unknown word not; write !"},
    {"a is null", "2: unknown word is; write == or !="},
    {"a IN ('x')", "2: unknown word IN; write in"},
    {"a like 'x'", "2: unknown word like; there are no patterns"},
    {"(a and b)", "3: unknown word and; write &&"},
    {"status == “x”", "10: this quote is not one of ' and \""},
    {"a\u00a0== 1", "1: this character has no meaning here"},
    {"a # b", "2: this character has no meaning here"},
    {"a == 1;", "6: this character has no meaning here"},
    {"{a}", "0: this character has no meaning here"},
    {"a == \xff", "5: this byte is not UTF-8"},
    {"a == '\xff'", "6: this byte is not UTF-8"},
    {"größe = 1", "8: unknown operator =; write =="},
    {"'\xc3'", "1: this byte is not UTF-8"},
    {"true.x == 1", "4: expected an operator, got ."},
    {"true()", "0: unknown function true"},
    {"a == b c", "7: expected an operator, got c"},
    {"(a == b) ! c", "9: expected an operator, got !"},
};
BOOST_DATA_TEST_CASE(a_mistake_says_what_and_where, mistakes) {
  BOOST_TEST(verdict(sample.condition, event("INSERT", "{}")) == sample.expected);
}

BOOST_AUTO_TEST_CASE(the_limits_are_4096_bytes_and_64_levels) {
  const std::string longest = "flag == '" + std::string(4096 - 10, 'x') + "'";
  BOOST_TEST(verdict(longest, event("INSERT", now)) == "false");
  BOOST_TEST(verdict(longest + " ", event("INSERT", now)) == "4096: the condition has more than 4096 bytes");
  const auto nested = [](int levels) {
    return std::string(static_cast<std::size_t>(levels), '(') + "flag" + std::string(static_cast<std::size_t>(levels), ')');
  };
  BOOST_TEST(verdict(nested(64), event("INSERT", now)) == "true");
  BOOST_TEST(verdict(nested(65), event("INSERT", now)) == "64: nests deeper than 64 levels");
  BOOST_TEST(verdict(std::string(64, '!') + "flag", event("INSERT", now)) == "true");
  BOOST_TEST(verdict(std::string(65, '!') + "flag", event("INSERT", now)) == "64: nests deeper than 64 levels");
  BOOST_TEST(verdict(std::string(4000, '!') + "flag", event("INSERT", now)) == "64: nests deeper than 64 levels");
  BOOST_TEST(verdict(std::string(4096, '('), event("INSERT", now)) == "64: nests deeper than 64 levels");
  std::string chain = "flag";  // is not nested
  while (chain.size() < 4080) chain += "&&flag";
  BOOST_TEST(verdict(chain, event("INSERT", now)) == "true");
  std::string many = "has(c0)";  // more columns than fit beside the program
  for (int i = 1; i < 300; ++i) many += "||has(c" + std::to_string(i) + ")";
  BOOST_TEST(verdict(many, event("INSERT", R"({"c299":1})")) == "true");
  BOOST_TEST(verdict(many, event("INSERT", R"({"c300":1})")) == "false");
}

BOOST_AUTO_TEST_CASE(rows_that_nest_6000_levels_are_judged) {
  std::string deep = "1";
  for (int i = 0; i < 6000; ++i) deep = i % 2 ? "[" + deep + "]" : R"({"a":)" + deep + "}";
  const std::string row = R"({"deep":)" + deep + R"(,"total":150})", was = R"({"deep": )" + deep + R"(,"total":1})";
  BOOST_TEST(verdict("total > 100 && total.changed() && !deep.changed() && deep == deep.old", event("UPDATE", row, was)) ==
             "true");
}

BOOST_AUTO_TEST_CASE(each_example_of_the_page_is_as_it_says) {
  const auto lines = lines_of("docs/conditions.md");
  std::string was, is;
  std::size_t examples = 0;
  for (const std::string& line : lines) {
    if (const auto at = line.find("whose row was `"); at != line.npos) was = line.substr(at + 15, line.rfind('`') - at - 15);
    if (line.starts_with("`{\"status\":\"shipped\"")) is = line.substr(1, line.rfind('`') - 1);
    if (!line.starts_with("| `")) continue;
    const auto end = line.find("` | ");
    BOOST_REQUIRE(end != line.npos);
    std::string text = line.substr(3, end - 3), rest = line.substr(end + 4);
    // In a table's cell a bar has a backslash before it.
    const auto plain = [](std::string& cell) {
      for (auto at = cell.find("\\|"); at != cell.npos; at = cell.find("\\|", at)) cell.erase(at, 1);
    };
    plain(text);
    std::string found = verdict(text, event("UPDATE", is, was));
    if (found.ends_with('!')) {
      found.pop_back();
      BOOST_TEST(rest.find("counted") != rest.npos, text);
    }
    if (rest.starts_with("refused | ")) {
      std::string why = rest.substr(10, rest.size() - 12);
      plain(why);
      BOOST_TEST(found.substr(found.find(": ") + 2) == why, text);
    } else {
      BOOST_TEST(found == (rest.starts_with("yes |") ? "true" : rest.starts_with("no |") ? "false" : "?"), text);
    }
    ++examples;
  }
  BOOST_TEST(examples >= 35u);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(conditions_of_observers)

namespace {

ObserverConfig observer(const std::string& name, const std::string& condition, const std::string& origin) {
  ObserverConfig one;
  one.name = name, one.origin = origin, one.entity = "*", one.event_type = "*";
  one.condition = {condition, origin};
  ActionConfig log;
  log.type = "log", log.origin = origin;
  one.actions = {log};
  return one;
}

std::vector<std::size_t> matching(const Observers& observers, const EventView& view, Tally& tally) {
  const StoredMessage message;
  const std::string id = "1";
  return observers.matching({message, view, id}, tally);
}

std::string detail(const Tally& tally, const std::string& name) {
  std::map<std::string, std::string> details;
  tally.tell(details);
  return details.at(name);
}

}  // namespace

BOOST_AUTO_TEST_CASE(all_mistakes_are_told_at_once_each_with_its_text_and_a_caret) {
  auto unknown = observer("c", "", "o.toml:20");
  unknown.condition = {};
  unknown.actions[0].type = "frobnicate";
  try {
    const Observers observers({observer("a", "status = 'x'", "o.toml:3"), observer("b", "total > 1", "o.toml:9"), unknown,
                               observer("d", "\n\tgröße > 1 &&\n\tname == “x”", "o.toml:30"), observer("e", "", "o.toml:40")},
                              {});
    BOOST_ERROR("nothing was thrown");
  } catch (const ConfigError& e) {
    BOOST_TEST(std::string(e.what()) ==
               "o.toml:3: observers.condition: unknown operator =; write ==\n"
               "status = 'x'\n"
               "       ^\n"
               "o.toml:20: observers.actions.type: Unsupported action type: frobnicate\n"
               "o.toml:30: observers.condition: this quote is not one of ' and \"\n"
               "\tname == “x”\n"
               "\t        ^\n"
               "o.toml:40: observers.condition: the condition is empty\n"
               "\n"
               "^");
  }
}

BOOST_AUTO_TEST_CASE(an_observer_that_is_switched_off_is_checked_too) {
  auto off = observer("a", "a b", "o:1");
  off.enabled = false;
  BOOST_CHECK_THROW(Observers({off}, {}), ConfigError);
}

BOOST_AUTO_TEST_CASE(an_observer_wants_the_events_that_satisfy_its_condition) {
  auto always = observer("always", "", "o:1");
  always.condition = {};
  const Observers observers(
      {observer("large", "total > 100", "o:1"), always, observer("shipped", "status.changed() && status == 'shipped'", "o:2")},
      {});
  Tally tally;
  const auto check = [&](const EventView& view, std::vector<std::size_t> expected) {
    BOOST_TEST(matching(observers, view, tally) == expected, boost::test_tools::per_element());
  };
  check(event("INSERT", R"({"total":150,"status":"shipped"})"), {0, 1});
  check(event("UPDATE", R"({"total":50,"status":"shipped"})", R"({"status":"new"})"), {1, 2});
  check(event("UPDATE", R"({"total":50,"status":"shipped"})", R"({"status":"shipped"})"), {1});
  BOOST_TEST(detail(tally, "conditions_without_before") == "0");
  check(event("UPDATE", R"({"total":150,"status":"shipped"})"), {0, 1});
  check(event("UPDATE", R"({"total":"x","status":"shipped"})"), {1});
  BOOST_TEST(detail(tally, "conditions_without_before") == "2");
  BOOST_TEST(detail(tally, "conditions_incomparable") == "1");
}

BOOST_AUTO_TEST_SUITE_END()
