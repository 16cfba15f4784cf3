#include <rapidjson/document.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <random>
#include <sstream>

#include "executor/event.hpp"
#include "executor/language/mistake.hpp"
#include "executor/language/template.hpp"
#include "tests/support/child.hpp"
#include "tests/support/programs.hpp"

using namespace fraiseql;
using Place = Template::Place;

namespace {

/// An event that owns what it is made of.
struct Sample {
  StoredMessage message;
  EventView view;
  std::string id = "msg-1";
  Event event{message, view, id};

  explicit Sample(const std::string& payload, Headers headers = {{"Fraiseql-Entity-Id", "7"}}) {
    message.payload = payload;
    message.subject = "fraiseql.mutation.Order.UPDATE";
    message.headers = std::move(headers);
    auto seen = view_event(message.payload, message.subject);
    if (!seen) throw std::runtime_error(seen.error().what);
    view = std::move(seen).value();
  }
  static Sample of(const std::string& data, const std::string& more = "") {
    return Sample(
        R"({"event":"UPDATE","entity":"Order","subject":"fraiseql.mutation.Order.UPDATE","timestamp":"2024-01-15T10:30:00Z","data":)" +
        data + more + "}");
  }
  std::string render(const std::string& text, Place place = Place::text, unsigned* unknown = nullptr) const {
    unsigned count = 0;
    const std::string made = Template(text, place).render(event, count);
    if (unknown) *unknown = count;
    return made;
  }
};

bool is_json(const std::string& text) {
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag | rapidjson::kParseValidateEncodingFlag>(
      text.data(), text.size());
  return !document.HasParseError();
}

std::size_t mistake_at(const std::string& text, Place place = Place::text, std::string* what = nullptr) {
  try {
    Template made(text, place);
  } catch (const Mistake& e) {
    if (what) *what = e.what();
    return e.at();
  }
  return std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(templates)

BOOST_AUTO_TEST_CASE(every_example_of_the_users_page_is_true) {
  const std::string page = test::read_file(std::string(fraiseql::test::SOURCE_DIR) + "/docs/templates.md");
  const auto begin = page.find("```json\n") + 8;
  const Sample sample(page.substr(begin, page.find('\n', begin) - begin));
  int examples = 0;
  Place place = Place::text;
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    if (line == "| template | text |") place = Place::text;
    if (line == "| JSON template | rendering |") place = Place::json;
    if (line == "| URL template | rendering |") place = Place::url;
    if (!line.starts_with("| `")) continue;
    const auto middle = line.find("` | `");
    if (middle == line.npos) continue;
    const std::string text = line.substr(3, middle - 3), expected = line.substr(middle + 5, line.size() - middle - 8);
    BOOST_TEST(sample.render(text, place) == expected, text);
    ++examples;
  }
  BOOST_TEST(examples == 30);
}

BOOST_AUTO_TEST_CASE(values_are_escaped_for_where_they_land) {
  const Sample sample = Sample::of(
      R"({"a":"x\r\nEvil: 1\u0000\t\"q\" \\ <!channel> & \u00fc\ud83d\ude00/../?","o":{"k":[1,"\n"]},"n":1e400,"s":"..","e":""})");
  BOOST_TEST(sample.render("{{ a }}", Place::header) == "x%0D%0AEvil: 1%00%09\"q\" \\ <!channel> & ü😀/../?");
  BOOST_TEST(sample.render("{{ a }}", Place::url) ==
             "x%0D%0AEvil%3A%201%00%09%22q%22%20%5C%20%3C%21channel%3E%20%26%20%C3%BC%F0%9F%98%80%2F..%2F%3F");
  BOOST_TEST(sample.render("{{ a }}", Place::text) == "x\r\nEvil: 1\xef\xbf\xbd\t\"q\" \\ <!channel> & ü😀/../?");
  BOOST_TEST(sample.render("<b> {{ a }}", Place::chat).starts_with("<b> x\r\nEvil: 1"));
  BOOST_TEST(sample.render("{{ a }}", Place::chat).find("&lt;!channel&gt; &amp;") != std::string::npos);
  BOOST_TEST(sample.render("{{ a }}", Place::key).size() == sample.render("{{ a }}", Place::text).size() - 2);
  BOOST_TEST(sample.render("a.{{ a }}", Place::subject).find_first_of(" \r\n") == std::string::npos);
  BOOST_TEST(sample.render("x.{{ e }}", Place::subject) == "x._");
  BOOST_TEST(sample.render("x.{{ s }}.{{ n }}", Place::subject) == "x.%2E%2E.1e400");
  BOOST_TEST(sample.render("{{ o }}", Place::text) == R"({"k":[1,"\n"]})");
  BOOST_TEST(
      sample.render(R"(["{{ o }}",{{ o }},{{ n }},"{{ n }}","{{ a }}"])", Place::json) ==
      R"(["{\"k\":[1,\"\\n\"]}",{"k":[1,"\n"]},1e400,"1e400","x\r\nEvil: 1\u0000\t\"q\" \\ <!channel> & \u00fc\ud83d\ude00/../?"])");
}

BOOST_AUTO_TEST_CASE(what_is_substituted_is_never_expanded_again) {
  const Sample sample = Sample::of(R"({"a":"{{ b }}","b":"secret"})");
  BOOST_TEST(sample.render("{{ a }}") == "{{ b }}");
  BOOST_TEST(sample.render(R"({"x":"{{ a }}"})", Place::json) == R"({"x":"{{ b }}"})");
}

BOOST_AUTO_TEST_CASE(our_names_win_over_columns_and_data_reaches_the_column) {
  const Sample sample = Sample::of(R"({"id":1,"event":"e","entity":"x","data":{"k":2},"event.id":3,"before":4})");
  BOOST_TEST(sample.render("{{ id }} {{ event }} {{ entity }} {{ data.id }} {{ data.event }} {{ data.entity }}") ==
             "msg-1 UPDATE Order 1 e x");
  BOOST_TEST(sample.render("{{ data.data.k }} {{ data['event.id'] }} {{ data.before }}") == "2 3 4");
}

BOOST_AUTO_TEST_CASE(a_name_that_the_event_does_not_have_is_empty_and_counted) {
  const Sample sample = Sample::of(R"({"a":null,"l":[1],"t":"x"})");
  unsigned unknown = 0;
  BOOST_TEST(sample.render("<{{ nope }}{{ before.a }}{{ l[1] }}{{ t.x }}{{ l.x }}{{ t[0] }}>", Place::text, &unknown) == "<>");
  BOOST_TEST(unknown == 6u);
  BOOST_TEST(sample.render(R"({"a":{{ nope }},"b":"{{ nope }}"})", Place::json, &unknown) == R"({"a":null,"b":""})");
  BOOST_TEST(unknown == 2u);
  BOOST_TEST(sample.render("<{{ a }}{{ entity_id }}>", Place::text, &unknown) == "<7>");  // null is known
  BOOST_TEST(unknown == 0u);
  const Sample bare(sample.message.payload, {});
  BOOST_TEST(bare.render("<{{ entity_id }}>", Place::text, &unknown) == "<>");
  BOOST_TEST(unknown == 1u);
  std::vector<std::string> names;
  Template("{{ x.y }} {{ nope[ 2 ] }}", Place::text).render(sample.event, [&](std::string_view name) {
    names.emplace_back(name);
  });
  BOOST_TEST(names == (std::vector<std::string>{"x.y", "nope[ 2 ]"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_row_of_any_shape_can_be_named) {
  for (const char* data : {"null", "1", "\"x\"", "[1,2]", "[]", "{}"}) {
    const Sample sample = Sample::of(data);
    BOOST_TEST(sample.render("{{ data }}", Place::json) == data);
    BOOST_TEST(is_json(sample.render("[{{ data.a }},{{ data[0] }},\"{{ data }}\",{{ _json }}]", Place::json)));
  }
  BOOST_TEST(Sample::of("[1,2]").render("{{ data[1] }}") == "2");
}

BOOST_AUTO_TEST_CASE(mistakes_are_found_when_compiling_and_say_where) {
  struct Case {
    std::string text;
    std::size_t at;
    Place place = Place::text;
  };
  const std::vector<Case> cases = {
      {"{{", 0},
      {"ab {{ x", 3},
      {"ab {{ x }", 3},
      {"{{ 'x }}", 0},
      {"{{}}", 2},
      {"a {{   }}", 4},
      {"{{ event.foo }}", 9},
      {"{{ event[0] }}", 8},
      {"{{ event.id.x }}", 12},
      {"{{ id.x }}", 6},
      {"{{ _json.data }}", 9},
      {"{{ a. }}", 5},
      {"{{ a.0 }}", 5},
      {"{{ .a }}", 3},
      {"{{ a[ }}", 5},
      {"{{ a[-1] }}", 5},
      {"{{ a[1.5] }}", 5},
      {"{{ a[99999999999] }}", 5},
      {"{{ a[0 }}", 6},
      {"{{ a b }}", 5},
      {"{{ a | upper }}", 5},
      {"{{ a + 1 }}", 5},
      {"{{ 1 }}", 3},
      {"{{{ a }}}", 2},
      {"{{ 'a' b }}", 7},
      {std::string("a\0b", 3), 1},
      {"X\n{{ a }}", 1, Place::header},
      {"http://h/a b", 10, Place::url},
      {"", 0, Place::json},
      {"{", 1, Place::json},
      {R"({"a": {{ a }} "b": 1})", 14, Place::json},
      {R"({"a": "{{ a }})", 14, Place::json},
      {R"({{{ a }}: 1})", 2, Place::json},
      {R"([{{ a }}{{ b }}])", 11, Place::json},
      {R"([1{{ a }}])", 5, Place::json},
      {R"(["\{{ a }}"])", 2, Place::json},
      {R"(["\u00{{ a }}"])", 2, Place::json},
      {"{\"a\": \"x\ny\"}", 8, Place::json},
      {"{\"a\": '{{ a }}'}", 6, Place::json},
  };
  for (const Case& one : cases) {
    std::string what;
    const std::size_t at = mistake_at(one.text, one.place, &what);
    BOOST_TEST(at == one.at, one.text << " -> " << at << " " << what);
  }
  BOOST_TEST(mistake_at(std::string(Template::longest + 1, 'x')) == Template::longest);
}

BOOST_AUTO_TEST_CASE(braces_that_are_no_placeholder_are_text) {
  const Sample sample = Sample::of(R"({"a":1})");
  BOOST_TEST(sample.render(R"({"a":{"b":{{ a }}}})", Place::json) == R"({"a":{"b":1}})");
  BOOST_TEST(sample.render("}} { } {{ \"}}\" }} {{ '{{ a }}' }} {{a}}") == "}} { } }} {{ a }} 1");
  BOOST_TEST(sample.render(R"(["{{ '\"{{' }}"])", Place::text) == R"([""{{"])");
  const Template fixed("{{ '{{' }}x", Place::text), open("x{{ a }}", Place::text);
  BOOST_TEST(fixed.fixed());
  BOOST_TEST(!open.fixed());
  BOOST_TEST(open.beginning() == "x");
}

BOOST_AUTO_TEST_CASE(a_rendering_that_is_too_long_is_given_up) {
  const Sample sample = Sample::of("\"" + std::string(1 << 20, 'x') + "\"");
  std::string many;
  for (int i = 0; i < 9; ++i) many += "{{ data }}";
  unsigned unknown = 0;
  BOOST_CHECK_THROW(Template(many, Place::text).render(sample.event, unknown), Unrenderable);
  BOOST_CHECK_THROW(Template("{{ data }}", Place::subject).render(sample.event, unknown), Unrenderable);
}

BOOST_AUTO_TEST_CASE(ids_that_are_no_utf8_do_not_break_a_document) {
  const Sample sample(Sample::of("{}").message.payload, {{"Fraiseql-Entity-Id", "a\xff\"\n\xed\xa0\x80"}});
  BOOST_TEST(is_json(sample.render(R"([{{ entity_id }},"{{ entity_id }}"])", Place::json)));
  BOOST_TEST(is_json("\"" + Sample::of(R"("\ud800")").render("{{ data }}") + "\""));
}

namespace {

std::string random_value(std::minstd_rand& dice, int depth) {
  const auto roll = [&](unsigned sides) { return static_cast<unsigned>(dice() % sides); };
  static const std::vector<std::string> texts{
      "x",    "\\r\\n", "\\\"", "\\\\", "\\u0000", "\\u001f", "{{ b }}", "}}", "ü", "😀", "\\ud83d\\ude00",
      "\x7f", "</a>",   "%00",  "\\/",  "\\t",     "'",       " ",       "..", "/"};
  static const std::vector<std::string> words{"null",   "true", "false", "0", "-0", "1e300", "100.00", "9007199254740993",
                                              "-1.5E-7"};
  switch (roll(depth > 3 ? 2 : 4)) {
    case 0:
      return words[roll(static_cast<unsigned>(words.size()))];
    case 1: {
      std::string text = "\"";
      for (unsigned i = roll(6); i > 0; --i) text += texts[roll(static_cast<unsigned>(texts.size()))];
      return text + "\"";
    }
    case 2: {
      std::string array = "[";
      for (unsigned i = roll(4); i > 0; --i) array += random_value(dice, depth + 1) + (i > 1 ? ", " : "");
      return array + "]";
    }
    default: {
      std::string object = "{";
      for (unsigned i = roll(4); i > 0; --i)
        object += "\"k" + std::to_string(i) + "\" :" + random_value(dice, depth + 1) + (i > 1 ? "," : "");
      return object + "}";
    }
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(whatever_the_values_a_rendering_is_json_one_line_or_one_part_of_a_url) {
  const Template document(
      R"({"raw": {{ a }}, "text": "<{{ a }}>", "deep": [{{ a.k1 }}, "{{ a[0] }}{{ a.k2 }}"], "all": {{ _json }}})", Place::json);
  const Template header("Bearer {{ a }}{{ before }}", Place::header), url("https://h/{{ a }}?q={{ a.k1 }}", Place::url);
  std::minstd_rand dice(4711);
  for (int i = 0; i < 5000; ++i) {
    const std::string value = random_value(dice, 0);
    const Sample sample = Sample::of("{\"a\":" + value + "}", ",\"before\":" + random_value(dice, 0));
    unsigned unknown = 0;
    const std::string made = document.render(sample.event, unknown);
    BOOST_REQUIRE_MESSAGE(is_json(made), value << " -> " << made);
    BOOST_REQUIRE(made.starts_with("{\"raw\": " + value + ", \"text\": \"<"));
    BOOST_REQUIRE(made.find(sample.message.payload) != made.npos);
    // The text inside the quotes says what the value is.
    rapidjson::Document parsed;
    parsed.Parse<rapidjson::kParseNumbersAsStringsFlag>(made.data(), made.size());
    const std::string text = "<" + sample.render("{{ a }}", Place::key) + ">";
    BOOST_REQUIRE_MESSAGE(std::string(parsed["text"].GetString(), parsed["text"].GetStringLength()) == text, value);
    const std::string line = header.render(sample.event, unknown);
    for (const char c : line) BOOST_REQUIRE(static_cast<unsigned char>(c) >= 0x20);
    const std::string where = url.render(sample.event, unknown);
    BOOST_REQUIRE(where.substr(10).find_first_of("/# \"<>\r\n&") == where.npos);
    BOOST_REQUIRE(std::count(where.begin(), where.end(), '?') == 1);
  }
}

BOOST_AUTO_TEST_CASE(no_text_breaks_the_compiler) {
  static const std::vector<std::string> pieces{"{{", "}}", "{", "}", "\"",    "'",  "\\",   ".",      "[",
                                               "]",  "0",  "9", "a", "event", "id", "data", "before", " ",
                                               "\n", ",",  ":", "|", "\xff",  "ü",  "null", "\\u",    "_json"};
  const Sample sample = Sample::of(R"({"a":{"a":[1,"x"]}})", ",\"before\":{\"a\":1}");
  std::minstd_rand dice(99);
  int compiled = 0;
  for (int i = 0; i < 60'000; ++i) {
    std::string text;
    for (auto count = dice() % 14; count > 0; --count) text += pieces[dice() % pieces.size()];
    const auto place = static_cast<Place>(dice() % 7);
    try {
      const Template made(text, place);
      ++compiled;
      unsigned unknown = 0;
      const std::string rendered = made.render(sample.event, unknown);
      if (place == Place::json) BOOST_REQUIRE_MESSAGE(is_json(rendered), text << " -> " << rendered);
    } catch (const Mistake& e) {
      BOOST_REQUIRE_MESSAGE(e.at() <= text.size(), text);
    } catch (const Unrenderable&) {
    }
  }
  BOOST_TEST(compiled > 1000);
}

BOOST_AUTO_TEST_SUITE_END()
