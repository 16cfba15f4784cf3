#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <chrono>

#include "executor/language/caret.hpp"
#include "executor/language/decimal.hpp"
#include "executor/language/raw_json.hpp"

using namespace fraiseql;
namespace data = boost::unit_test::data;
using raw_json::Step;

namespace {

int order(std::string_view one, std::string_view other) {
  const auto found = compare_decimals(one, other);
  return found < 0 ? -1 : found > 0 ? 1 : 0;
}

Step member(std::string name) { return {std::move(name), 0, false}; }
Step element(std::size_t number) { return {"", number, true}; }

std::string_view find(std::string_view json, std::vector<Step> path) { return raw_json::find(json, path); }

std::string repeated(const std::string& text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(decimals)

struct Pair {
  std::string one, other;
  friend std::ostream& operator<<(std::ostream& out, const Pair& p) { return out << p.one << " and " << p.other; }
};

const std::vector<Pair> equals = {
    {"100", "100.00"},
    {"100", "1e2"},
    {"1E+2", "100"},
    {"0.001", "1e-3"},
    {"-0", "0"},
    {"0", "0.000e99999999999999999999999"},
    {"-0.0", "0e-5"},
    {"1.10", "1.1"},
    {"10e-1", "1"},
    {"0.00100e3", "1"},
    {"1e400", "10e399"},
    {"1e-1000000000", "0.1e-999999999"},
    {"1e1000000000000000000000", "10e999999999999999999999"},
    {"1e-1000000000000000000000", "0.1e-999999999999999999999"},
    {"0.001e1000000000000000000", "1e999999999999999997"},
    {"1e00000000000000000000000000000002", "100"},
    {"1e-0", "1"},
};
BOOST_DATA_TEST_CASE(one_number_written_in_two_ways_is_one_number, equals) {
  BOOST_TEST(order(sample.one, sample.other) == 0);
  BOOST_TEST(order(sample.other, sample.one) == 0);
}

const std::vector<Pair> smaller = {
    {"9007199254740992", "9007199254740993"},
    {"-1", "0"},
    {"-1", "1"},
    {"-2", "-1"},
    {"99.99", "100"},
    {"1e399", "1e400"},
    {"-1e400", "-1e399"},
    {"0", "1e-1000000000"},
    {"-1e-1000000000", "0"},
    {"1e-1000000001", "1e-1000000000"},
    {"1e-1000000000", "1e1000000000"},
    {"0.1", "0.10000000000000000000000000000000000001"},
    {"1e999999999999999999999", "1e1000000000000000000000"},
    {"1e-1000000000000000000000", "1e-999999999999999999999"},
    {"9e999999999999999999999", "1e1000000000000000000000"},
    {"1e5", "1e99999999999999999999"},
    {"1e-99999999999999999999", "1e-5"},
    {"1e-99999999999999999999", "1e99999999999999999999"},
    {"123", "124"},
    {"123.4", "1234"},
    {"-1e99999999999999999999", "-5"},
    {"12.5", "12.51"},
    {"9", "10"},
    {"0.09", "0.1"},
};
BOOST_DATA_TEST_CASE(the_smaller_of_two_numbers_is_known_at_any_length, smaller) {
  BOOST_TEST(order(sample.one, sample.other) == -1);
  BOOST_TEST(order(sample.other, sample.one) == 1);
}

BOOST_AUTO_TEST_CASE(a_million_digits_compare_to_the_last_one) {
  const std::string nines(1'000'000, '9');
  BOOST_TEST(order(nines + "8", nines + "9") == -1);
  BOOST_TEST(order(nines + "9." + nines + "1", nines + "9." + nines) == 1);
  BOOST_TEST(order(nines, "1e1000000") == -1);
  BOOST_TEST(order("1" + std::string(1'000'000, '0'), "1e1000000") == 0);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(raw_json_values)

BOOST_AUTO_TEST_CASE(a_member_is_found_by_its_path_with_its_text_as_it_stands) {
  const std::string_view json =
      R"( { "a" : 100.00 , "b":{"c":[1,[2,3],{"d":"x"}]},"e":"q\"}","f":null,"g":true,"h":{},"i":[] } )";
  BOOST_TEST(find(json, {member("a")}) == "100.00");
  BOOST_TEST(find(json, {member("b"), member("c"), element(1)}) == "[2,3]");
  BOOST_TEST(find(json, {member("b"), member("c"), element(1), element(0)}) == "2");
  BOOST_TEST(find(json, {member("b"), member("c"), element(2), member("d")}) == R"("x")");
  BOOST_TEST(find(json, {member("e")}) == R"("q\"}")");
  BOOST_TEST(find(json, {member("f")}) == "null");
  BOOST_TEST(find(json, {member("g")}) == "true");
  BOOST_TEST(find(json, {member("h")}) == "{}");
  BOOST_TEST(find(json, {member("i")}) == "[]");
}

BOOST_AUTO_TEST_CASE(what_is_not_there_is_not_found) {
  const std::string_view json = R"({"a":[1],"b":"c","c":{}})";
  for (const auto& path : std::vector<std::vector<Step>>{{member("x")},
                                                         {member("a"), element(1)},
                                                         {member("a"), member("b")},
                                                         {member("b"), element(0)},
                                                         {element(0)},
                                                         {member("c"), member("a")},
                                                         {member("")},
                                                         {member("b"), member("c")}})
    BOOST_TEST(find(json, path).empty());
  for (const char* scalar : {"null", "17", "\"text\"", "[1]", "true", "", "{}", "{", "{\"a\"", "{\"a\":", "{\"a\":}", "[", "\""})
    BOOST_TEST(find(scalar, {member("a")}).empty());
}

BOOST_AUTO_TEST_CASE(names_are_compared_with_their_escapes_undone) {
  BOOST_TEST(find(R"({"sta\u0074us":1})", {member("status")}) == "1");
  BOOST_TEST(find(R"({"\u00fc\ud83d\ude00":1})", {member("ü😀")}) == "1");
  BOOST_TEST(find(R"({"a\"b\\c\/d\n":1})", {member("a\"b\\c/d\n")}) == "1");
  BOOST_TEST(find(R"({"status\u0000":1})", {member("status")}).empty());
  BOOST_TEST(find(R"({"sta\u0074":1,"sta":2})", {member("status")}).empty());
}

BOOST_AUTO_TEST_CASE(of_two_members_with_one_name_the_last_counts_however_it_is_written) {
  BOOST_TEST(find(R"({"a":1,"b":5,"\u0061":2})", {member("a")}) == "2");
  BOOST_TEST(find(R"({"a":{"b":1},"a":{"c":1}})", {member("a"), member("b")}).empty());
  const std::vector<std::string> names{"a", "b", "c"};
  std::vector<std::string_view> found(3);
  raw_json::members(R"({"a":1,"b":2,"a":3})", names, found);
  BOOST_TEST(found == (std::vector<std::string_view>{"3", "2", ""}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(nesting_of_any_depth_costs_no_stack) {
  for (const std::size_t depth : {6'000u, 200'000u}) {
    const std::string deep = repeated("[", depth) + "1" + repeated("]", depth);
    const std::string deep_too = repeated("[ ", depth) + "1.0" + repeated(" ]", depth);
    const std::string json =
        R"({"deep":)" + deep + R"(,"a":1,"objects":)" + repeated(R"({"a":)", depth) + "2" + repeated("}", depth) + "}";
    BOOST_TEST(find(json, {member("a")}) == "1");
    BOOST_TEST(find(json, {member("deep")}).size() == deep.size());
    BOOST_TEST(raw_json::same(deep, deep_too));
    BOOST_TEST(!raw_json::same(deep, repeated("[", depth) + "2" + repeated("]", depth)));
  }
  std::vector<Step> path(6'000, member("a"));
  BOOST_TEST(find(repeated(R"({"a":)", 6'000) + "2" + repeated("}", 6'000), path) == "2");
}

BOOST_AUTO_TEST_CASE(values_are_the_same_when_they_say_the_same) {
  const std::vector<std::pair<std::string, std::string>> same = {{"1", "1.0"},
                                                                 {R"("a")", R"("\u0061")"},
                                                                 {R"({"a":[1,"x"]})", R"({ "\u0061" : [ 1.00 , "\u0078" ] })"},
                                                                 {"null", "null"},
                                                                 {"[]", "[ ]"}};
  const std::vector<std::pair<std::string, std::string>> different = {
      {"1", R"("1")"},        {"[1]", "[1,1]"},
      {"{}", "[]"},           {"true", "false"},
      {"null", "0"},          {R"({"a":1})", R"({"b":1})"},
      {R"("a")", R"("A")"},   {R"({"a":1,"b":2})", R"({"b":2,"a":1})"},
      {"[[1],2]", "[[1,2]]"}, {R"(["a","b"])", R"(["a,b"])"}};
  for (const auto& [one, other] : same) BOOST_TEST(raw_json::same(one, other), one << " " << other);
  for (const auto& [one, other] : different) {
    BOOST_TEST(!raw_json::same(one, other), one << " " << other);
    BOOST_TEST(!raw_json::same(other, one), one << " " << other);
  }
}

BOOST_AUTO_TEST_CASE(texts_are_ordered_by_the_bytes_of_their_utf_8_with_escapes_undone) {
  // In ascending order. U+FFFD comes before U+1F600, although its UTF-16 is the greater.
  const std::vector<std::string> ascending = {R"("")",   R"("A")",  R"("Z")",      R"("\u0061")", R"("a\u0000")",
                                              R"("aa")", R"("ab")", R"("\u00e4")", R"("\ufffd")", R"("\ud83d\ude00")"};
  for (std::size_t i = 0; i < ascending.size(); ++i)
    for (std::size_t j = 0; j < ascending.size(); ++j)
      BOOST_TEST((raw_json::compare(raw_json::text(ascending[i]), raw_json::text(ascending[j])) == (i <=> j)),
                 ascending[i] << " " << ascending[j]);
  BOOST_TEST((raw_json::compare(raw_json::text(R"("\ud83d\ude00")"), {"😀", false}) == 0));
  BOOST_TEST(
      (raw_json::compare({"a\\n", false}, raw_json::text(R"("a\\n")")) == 0));  // one has no escapes, it just has a backslash
}

BOOST_AUTO_TEST_CASE(an_array_of_names_is_searched_by_what_they_say) {
  BOOST_TEST(raw_json::holds_text(R"([ "a" , "sta\u0074us" ])", "status"));
  BOOST_TEST(!raw_json::holds_text(R"(["a","b"])", "status"));
  BOOST_TEST(!raw_json::holds_text("[]", "status"));
  BOOST_TEST(!raw_json::holds_text("", "status"));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(caret)

BOOST_AUTO_TEST_CASE(the_caret_stands_under_the_character_whatever_stands_before_it) {
  BOOST_TEST(with_caret("a = 1", 2) == "a = 1\n  ^");
  BOOST_TEST(with_caret("a", 1) == "a\n ^");
  BOOST_TEST(with_caret("", 0) == "\n^");
  BOOST_TEST(with_caret("\ta = 1", 3) == "\ta = 1\n\t  ^");
  BOOST_TEST(with_caret("größe = 1", 8) == "größe = 1\n      ^");
  BOOST_TEST(with_caret("'注文' = 1", 9) == "'注文' = 1\n       ^");
  BOOST_TEST(with_caret("'e\xcc\x81' = 1", 6) == "'e\xcc\x81' = 1\n    ^");
  BOOST_TEST(with_caret("a\x1b = 1", 3) == "a? = 1\n   ^");
  BOOST_TEST(with_caret("a\xff = 1", 3) == "a\xff = 1\n   ^");
}

BOOST_AUTO_TEST_CASE(of_several_lines_the_one_concerned_is_shown) {
  const std::string text = "\na == 1 &&\r\n  b = 2\n&& c";
  BOOST_TEST(with_caret(text, text.find("= 2")) == "  b = 2\n    ^");
  BOOST_TEST(with_caret(text, 1) == "a == 1 &&\n^");
  BOOST_TEST(with_caret(text, text.size()) == "&& c\n    ^");
  BOOST_TEST(with_caret(text, 0) == "\n^");
  BOOST_TEST(with_caret(text, text.find('\r')) == "a == 1 &&\n         ^");
}

BOOST_AUTO_TEST_SUITE_END()
