#include "executor/postgres/ledger.hpp"

#include <boost/test/unit_test.hpp>

#include "executor/postgres/dead_letters.hpp"
#include "executor/postgres/message.hpp"

using namespace fraiseql;

BOOST_AUTO_TEST_SUITE(ledger)

namespace {

const auto window = std::make_shared<const Place>(Place{"S1", "S2", 0});

struct Three {
  Ledger ledger{Place{"S0", "", 0}, 9, 5};
  Three() {
    for (const std::int64_t pk : {10, 12, 11}) ledger.add(window, pk, 100);
  }
};

std::string text(const Place& place) { return place.snapshot + " " + place.window_snapshot + " " + std::to_string(place.last_pk); }

}  // namespace

BOOST_AUTO_TEST_CASE(before_anything_is_settled_the_prefix_is_the_start) {
  Three three;
  BOOST_TEST(text(three.ledger.prefix()) == "S0  0");
  BOOST_TEST(three.ledger.cursor() == 9);
  BOOST_TEST(three.ledger.next() == 8u);
  BOOST_TEST(three.ledger.open_bytes() == 300u);
}

BOOST_AUTO_TEST_CASE(the_prefix_ends_before_the_first_change_that_is_not_settled) {
  Three three;
  BOOST_TEST(three.ledger.settle(6));
  BOOST_TEST(text(three.ledger.prefix()) == "S0  0");
  BOOST_TEST(three.ledger.settle(5));
  BOOST_TEST(text(three.ledger.prefix()) == "S1 S2 12");
  BOOST_TEST(three.ledger.first_open() == 7u);
  BOOST_TEST(three.ledger.open_bytes() == 100u);
  BOOST_TEST(three.ledger.beyond().size() == 1u);
}

BOOST_AUTO_TEST_CASE(the_cursor_is_the_highest_pk_and_not_the_last) {
  Three three;
  for (const std::uint64_t number : {5, 6, 7}) three.ledger.settle(number);
  BOOST_TEST(text(three.ledger.prefix()) == "S1 S2 11");
  BOOST_TEST(three.ledger.cursor() == 12);
}

BOOST_AUTO_TEST_CASE(a_window_ends_when_its_last_change_is_settled) {
  Three three;
  three.ledger.end_window(Place{"S2", "", 0});
  three.ledger.settle(5);
  three.ledger.settle(6);
  BOOST_TEST(text(three.ledger.prefix()) == "S1 S2 12");
  three.ledger.settle(7);
  BOOST_TEST(text(three.ledger.prefix()) == "S2  0");
  three.ledger.end_window(Place{"S3", "", 0});  // one without changes
  BOOST_TEST(text(three.ledger.prefix()) == "S3  0");
}

BOOST_AUTO_TEST_CASE(a_number_of_others_or_a_second_answer_changes_nothing) {
  Three three;
  BOOST_TEST(!three.ledger.settle(4));
  BOOST_TEST(!three.ledger.settle(8));
  BOOST_TEST(three.ledger.settle(7));
  BOOST_TEST(!three.ledger.settle(7));
  BOOST_TEST(three.ledger.open_bytes() == 200u);
}

BOOST_AUTO_TEST_CASE(a_row_makes_the_message_that_a_bridge_would_publish) {
  ChangeRow row;
  row.pk = 7;
  row.id = "4c0e1d5a-0000-4000-8000-000000000001";
  row.entity = "Or der";
  row.verb = "update";
  row.created_at = "2024-01-15 10:30:00+00";
  row.entity_id = "e\r\n1";
  row.data = R"({"n": 1})";
  row.data_bytes = 8;
  MessageMaker maker("fraiseql.mutation", "worker");
  const RowMessage made = maker.make(row);
  BOOST_REQUIRE(!made.why);
  BOOST_TEST(made.message.subject == "fraiseql.mutation.Or%20der.UPDATE");
  BOOST_TEST(made.message.payload ==
             R"({"event":"UPDATE","entity":"Or der","subject":"fraiseql.mutation.Or%20der.UPDATE","timestamp":"2024-01-15T10:30:00Z","data":{"n": 1}})");
  BOOST_TEST(made.message.header("Nats-Msg-Id") == row.id);
  BOOST_TEST(made.message.header("Fraiseql-Source") == "worker");
  BOOST_TEST(made.message.header("Fraiseql-Pk") == "7");
  BOOST_TEST(made.message.header("Fraiseql-Entity-Id") == "e%0D%0A1");
}

BOOST_AUTO_TEST_CASE(a_row_that_can_be_no_event_makes_a_letter_that_names_it) {
  ChangeRow row;
  row.pk = 7;
  row.id = "4c0e1d5a-0000-4000-8000-000000000001";
  row.entity = "Order";
  row.verb = "INSERT";
  row.created_at = "infinity";
  const RowMessage made = MessageMaker("fraiseql.mutation", "worker").make(row);
  BOOST_REQUIRE(made.why);
  const LetterRow letter = letter_row(made.message, Cause{"unpublishable", "", 0, 0, made.why->what, 0});
  BOOST_TEST(letter.event_id == row.id);
  BOOST_TEST(letter.pk == "7");
  BOOST_TEST(letter.entity == "Order");
  BOOST_TEST(letter.operation == "INSERT");
  BOOST_TEST(letter.payload.find(R"({"pk":7,"id":"4c0e1d5a-0000-4000-8000-000000000001","entity":"Order")") == 0u);
  BOOST_TEST(letter.headers.find("Dlq") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_letter_holds_only_what_a_text_of_postgresql_may_hold) {
  const StoredMessage message{"p.Order.INSERT", {{"Nats-Msg-Id", "a"}}, "not json", 0, 0};
  const std::string strange("\xff\0 \xc0\xaf \xed\xa0\x80 \xf0\x9f\x98\x80 \xc3\xa9", 20);
  const LetterRow letter = letter_row(message, Cause{"action_failed", "o", 1, 1, strange + std::string(2000, 'x'), 0});
  BOOST_TEST(letter.error.find("?? ?? ??? \xf0\x9f\x98\x80 \xc3\xa9") == 0u);
  BOOST_TEST(letter.error.size() == 1024u);
  BOOST_TEST(letter.headers == R"({"Nats-Msg-Id":"a"})");
}

BOOST_AUTO_TEST_SUITE_END()
