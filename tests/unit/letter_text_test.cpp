#include "cli/letter_text.hpp"

#include <boost/test/unit_test.hpp>

#include "cli/dlq.hpp"
#include "executor/jetstream/stream_retries.hpp"
#include "executor/postgres/table_retries.hpp"

using namespace fraiseql;

BOOST_AUTO_TEST_SUITE(letter_text)

namespace {

nats::StoredLetter letter() {
  const std::string subject = "fraiseql.mutation.Order.INSERT";
  return {17,
          0,
          "fraiseql.dlq.Order.INSERT",
          {{"Nats-Msg-Id", "dlq:e-1:ship:2"},
           {"Fraiseql-Dlq-Reason", "action_failed"},
           {"Fraiseql-Dlq-Observer", "ship"},
           {"Fraiseql-Dlq-Action", "2"},
           {"Fraiseql-Dlq-Stream-Seq", "9"},
           {"Fraiseql-Event-Id", "e-1"},
           {"Fraiseql-Pk", "5"},
           {"Nats-Expected-Last-Sequence", "1"}},
          R"({"event":"INSERT","entity":"Order","subject":")" + subject + R"(","timestamp":"2024-01-15T10:30:00Z","data":1})"};
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_original_has_its_own_subject_id_and_headers_and_none_of_ours) {
  const auto original = original_of(letter());
  BOOST_REQUIRE(original);
  BOOST_TEST(original.value().subject == "fraiseql.mutation.Order.INSERT");
  BOOST_TEST(original.value().payload == letter().payload);
  BOOST_TEST(original.value().stream_seq == 9u);
  BOOST_REQUIRE(original.value().headers.size() == 2u);
  BOOST_TEST(original.value().header("Nats-Msg-Id") == "e-1");
  BOOST_TEST(original.value().header("Fraiseql-Pk") == "5");
}

BOOST_AUTO_TEST_CASE(an_original_without_an_id_gets_the_name_that_its_letter_holds) {
  auto one = letter();
  one.headers[0].second = "dlq:seq-9-123:ship:2";
  std::erase_if(one.headers, [](const auto& header) { return header.first == "Fraiseql-Event-Id"; });
  BOOST_TEST(original_of(one).value().header("Nats-Msg-Id") == "seq-9-123");
  one.headers[0].second = "something else";
  BOOST_TEST(!original_of(one));
}

BOOST_AUTO_TEST_CASE(a_letter_without_its_event_is_no_original) {
  auto one = letter();
  one.payload.clear();
  one.headers.emplace_back("Fraiseql-Dlq-Omitted-Bytes", "1000");
  BOOST_TEST(!original_of(one));
}

BOOST_AUTO_TEST_CASE(the_original_of_a_row_has_its_own_subject_headers_and_the_id_that_the_row_names) {
  TableLetter row;
  row.event_id = "e-1";
  row.headers = {{"nats-msg-id", "another"}, {"Fraiseql-Pk", "5"}};
  row.payload = letter().payload;
  const auto original = original_of(row);
  BOOST_REQUIRE(original);
  BOOST_TEST(original.value().subject == "fraiseql.mutation.Order.INSERT");
  BOOST_TEST(original.value().payload == row.payload);
  BOOST_REQUIRE(original.value().headers.size() == 2u);
  BOOST_TEST(original.value().header("Nats-Msg-Id") == "e-1");
  BOOST_TEST(original.value().header("Fraiseql-Pk") == "5");
  row.payload = "{";
  BOOST_TEST(!original_of(row));
}

BOOST_AUTO_TEST_CASE(what_is_in_no_stream_shows_no_subject) {
  ShownLetter shown;
  shown.facts.number = 3;
  shown.payload = "not JSON";
  const std::string json = full_json(shown);
  BOOST_TEST(json.find("\"subject\":null,") != json.npos, json);
  BOOST_TEST(json.find("\"payload_text\":\"not JSON\"") != json.npos, json);
  BOOST_TEST(full_text(shown).find("subject") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_escape_of_a_header_is_taken_back_and_nothing_else) {
  auto one = letter();
  one.headers = {{"a", "nats%2Dmirror"}, {"b", "x%2Dy"}, {"c", "Nats%2DMsg-Id nats%2D"}};
  BOOST_TEST(one.text("a") == "nats-mirror");
  BOOST_TEST(one.text("b") == "x%2Dy");
  BOOST_TEST(one.text("c") == "Nats-Msg-Id nats-");
}

BOOST_AUTO_TEST_CASE(after_takes_a_number_or_a_time_and_refuses_the_rest) {
  LetterFilter filter;
  BOOST_TEST(read_after("17", filter).empty());
  BOOST_TEST(filter.after_number == 17u);
  for (const char* time : {"2024-01-15T10:30:00Z", "2024-01-15t10:30:00.123456z", "2024-02-29T23:59:59+02:00", "2024-01-15T10:30:00.5-11:30"}) {
    LetterFilter one;
    BOOST_TEST(read_after(time, one).empty(), time);
    BOOST_TEST(one.from_time.size() == std::string(time).size());
  }
  for (const char* bad : {"", "x", "-1", "17x", "2024-01-15", "2024-01-15T10:30:00", "2023-02-29T10:30:00Z", "2024-01-15T24:00:00Z",
                          "2024-01-15T10:30:00.Z", "2024-01-15T10:30:00+2:00", "2024-01-15 10:30:00Z", "2024-01-15T10:30:00ZZ", "99999999999999999999"})
    BOOST_TEST(!read_after(bad, filter).empty(), bad);
}

BOOST_AUTO_TEST_CASE(a_line_is_cut_to_the_width_of_the_terminal_between_characters) {
  LetterFacts facts;
  facts.number = 1;
  facts.reason = "action_failed";
  facts.error = "äöü and a long story about what went wrong in the night, for which there is no room here";
  const std::string line = list_line(facts, 170);
  BOOST_TEST(line.ends_with("..."));
  std::size_t columns = 0;
  for (const char c : line) columns += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  BOOST_TEST(columns <= 170u);
  BOOST_TEST(json_text("a\xff") == "\"a\xEF\xBF\xBD\"");
}

BOOST_AUTO_TEST_SUITE_END()
