#include "common/event.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

using namespace fraiseql;
namespace data = boost::unit_test::data;

namespace {

struct Fixture {
  EventEncoder encoder{"fraiseql.mutation", "fraiseql.dlq", "pg_to_nats"};
  MessageLimits limits;
  ChangeRow row;
  std::string out;

  Fixture() {
    row.pk = 42;
    row.id = "0190aaaa-bbbb-7ccc-8ddd-000000000042";
    row.entity = "Order";
    row.verb = "INSERT";
    row.created_at = "2024-01-15 10:30:00+00";
    row.data = R"({"total": 100.00})";
  }
  std::optional<Unpublishable> encode(std::string_view reply = {}, std::optional<std::uint64_t> expected = {}) {
    out.clear();
    return encoder.append(out, row, reply, expected, limits);
  }
  std::string headers() const {
    const auto begin = out.find("NATS/1.0\r\n"), end = out.find("\r\n\r\n");
    return out.substr(begin, end + 4 - begin);
  }
  std::string payload() const {
    const auto begin = out.find("\r\n\r\n") + 4;
    return out.substr(begin, out.size() - 2 - begin);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(event, Fixture)

BOOST_AUTO_TEST_CASE(a_frame_is_exactly_these_bytes) {
  BOOST_TEST(!encode("_INBOX.x.7", 5));
  const std::string block =
      "NATS/1.0\r\nNats-Msg-Id: 0190aaaa-bbbb-7ccc-8ddd-000000000042\r\nNats-Expected-Last-Sequence: 5\r\n"
      "Fraiseql-Source: pg_to_nats\r\nFraiseql-Pk: 42\r\n\r\n";
  const std::string body =
      R"({"event":"INSERT","entity":"Order","subject":"fraiseql.mutation.Order.INSERT","timestamp":"2024-01-15T10:30:00Z","data":{"total": 100.00}})";
  BOOST_TEST(out == "HPUB fraiseql.mutation.Order.INSERT _INBOX.x.7 " + std::to_string(block.size()) + " " + std::to_string(block.size() + body.size()) +
                        "\r\n" + block + body + "\r\n");
}

BOOST_AUTO_TEST_CASE(a_message_without_an_answer_names_no_reply_and_without_a_chain_no_sequence) {
  BOOST_TEST(!encode());
  BOOST_TEST(out.starts_with("HPUB fraiseql.mutation.Order.INSERT 1"));
  BOOST_TEST(headers().find("Expected") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(every_header_is_there_when_the_row_has_its_value) {
  row.seq = "7";
  row.entity_id = "0190aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee";
  row.tenant_id = "t";
  row.actor_type = "human_user";
  row.acting_for = "a";
  row.schema_version = "3";
  row.traceparent = "00-11-22-01";
  row.tracestate = "k=v";
  BOOST_TEST(!encode());
  BOOST_TEST(headers() ==
             "NATS/1.0\r\nNats-Msg-Id: 0190aaaa-bbbb-7ccc-8ddd-000000000042\r\nFraiseql-Source: pg_to_nats\r\nFraiseql-Pk: 42\r\nFraiseql-Seq: 7\r\n"
             "Fraiseql-Entity-Id: 0190aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee\r\nFraiseql-Tenant-Id: t\r\nFraiseql-Actor-Type: human_user\r\n"
             "Fraiseql-Acting-For: a\r\nFraiseql-Schema-Version: 3\r\ntraceparent: 00-11-22-01\r\ntracestate: k=v\r\n\r\n");
}

BOOST_DATA_TEST_CASE(the_fraction_has_six_digits_or_is_left_out,
                     data::make({"2024-01-15 10:30:00.5+00", "2024-01-15 10:30:00.123456+00", "2024-01-15 10:30:00+00"}) ^
                         data::make({"2024-01-15T10:30:00.500000Z", "2024-01-15T10:30:00.123456Z", "2024-01-15T10:30:00Z"}),
                     stored, expected) {
  row.created_at = stored;
  BOOST_TEST(!encode());
  BOOST_TEST(payload().find(std::string("\"timestamp\":\"") + expected + "\"") != std::string::npos);
}

BOOST_DATA_TEST_CASE(an_impossible_timestamp_makes_a_dead_letter, data::make({"infinity", "-infinity", "0044-03-15 12:00:00+00 BC", "294276-12-31 23:59:59+00"}), stored) {
  row.created_at = stored;
  const auto why = encode();
  BOOST_REQUIRE(why.has_value());
  BOOST_TEST((why->reason == Unpublishable::Reason::timestamp));
  BOOST_TEST(out.empty());
}

BOOST_DATA_TEST_CASE(data_passes_through_unparsed, data::make({"9007199254740993", "1e400", "1.10", "-0", "[1, 2]", "\"text\"", "null", R"({"a": "\u0000"})"}), text) {
  row.data = text;
  BOOST_TEST(!encode());
  BOOST_TEST(payload().ends_with(std::string("\"data\":") + text + "}"));
}

BOOST_AUTO_TEST_CASE(a_row_without_data_has_null) {
  row.data = {};
  BOOST_TEST(!encode());
  BOOST_TEST(payload().ends_with("\"data\":null}"));
}

BOOST_AUTO_TEST_CASE(an_update_has_before_and_changed_when_the_row_has_them) {
  row.verb = "update";
  row.before = R"({"total": 1})";
  row.changed = R"(["total"])";
  BOOST_TEST(!encode());
  BOOST_TEST(payload().starts_with(R"({"event":"UPDATE")"));
  BOOST_TEST(payload().ends_with(R"("data":{"total": 100.00},"before":{"total": 1},"changed":["total"]})"));
}

BOOST_AUTO_TEST_CASE(a_delete_carries_its_pre_image_as_data_and_never_before) {
  row.verb = "DELETE";
  row.data = {};
  row.before = R"({"total": 1})";
  BOOST_TEST(!encode());
  BOOST_TEST(payload().ends_with(R"("data":{"total": 1}})"));
  row.before = {};
  BOOST_TEST(!encode());
  BOOST_TEST(payload().ends_with(R"("data":null})"));
}

BOOST_AUTO_TEST_CASE(another_verb_is_custom_and_named_in_a_header) {
  row.verb = "NOOP";
  BOOST_TEST(!encode());
  BOOST_TEST(out.starts_with("HPUB fraiseql.mutation.Order.CUSTOM "));
  BOOST_TEST(headers().find("Fraiseql-Verb: NOOP\r\n") != std::string::npos);
  row.verb = "custom";
  BOOST_TEST(!encode());
  BOOST_TEST(headers().find("Fraiseql-Verb: custom\r\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_entity_is_escaped_for_json_and_encoded_for_the_subject) {
  row.entity = "a \"b\".\xF0\x9F\x98\x80\r\n";
  BOOST_TEST(!encode());
  BOOST_TEST(payload().find("\"entity\":\"a \\\"b\\\".\xF0\x9F\x98\x80\\r\\n\",\"subject\":\"fraiseql.mutation.a%20%22b%22%2E%F0%9F%98%80%0D%0A.INSERT\"") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_header_value_can_neither_end_its_line_nor_switch_deduplication_off) {
  std::string value;
  append_header_value(value, std::string_view("a\r\nNats-Msg-Id: x\0y Nats-", 25));
  BOOST_TEST(value == "a%0D%0ANats%2DMsg-Id: x%00y Nats%2D");
}

BOOST_AUTO_TEST_CASE(a_row_of_exactly_max_payload_is_published_and_one_byte_more_is_not) {
  BOOST_TEST(!encode());
  const std::size_t total = headers().size() + payload().size();
  limits.max_payload = total;
  BOOST_TEST(!encode());
  limits.max_payload = total - 1;
  const auto why = encode();
  BOOST_REQUIRE(why.has_value());
  BOOST_TEST((why->reason == Unpublishable::Reason::oversize));
  BOOST_TEST(why->bytes == total);
  BOOST_TEST(out.empty());
  limits.max_payload = 1 << 20;
  limits.max_msg_size = static_cast<std::int64_t>(total);
  BOOST_TEST(!encode());
  limits.max_msg_size = static_cast<std::int64_t>(total) - 1;
  BOOST_TEST(encode().has_value());
}

BOOST_AUTO_TEST_CASE(a_header_block_over_65535_bytes_makes_a_dead_letter) {
  BOOST_TEST(!encode());
  const std::size_t other = headers().size() + std::string_view("Fraiseql-Schema-Version: \r\n").size();
  std::string version(65535 - other, 'v');
  row.schema_version = version;
  BOOST_TEST(!encode());
  version += 'v';
  row.schema_version = version;
  BOOST_TEST(encode().has_value());
}

BOOST_AUTO_TEST_CASE(a_letter_names_the_row_and_the_reason) {
  encoder.append_letter(out, row, "_INBOX.x.9", {Unpublishable::Reason::oversize, "too\nlarge", 1234}, "2026-01-01T00:00:00Z");
  BOOST_TEST(out.starts_with("HPUB fraiseql.dlq.Order.INSERT _INBOX.x.9 "));
  BOOST_TEST(headers() ==
             "NATS/1.0\r\nNats-Msg-Id: dlq:pg_to_nats:42\r\nFraiseql-Dlq-Reason: unpublishable\r\nFraiseql-Dlq-Error: too%0Alarge\r\n"
             "Fraiseql-Dlq-Failed-At: 2026-01-01T00:00:00Z\r\nFraiseql-Event-Id: 0190aaaa-bbbb-7ccc-8ddd-000000000042\r\n"
             "Fraiseql-Source: pg_to_nats\r\nFraiseql-Pk: 42\r\n\r\n");
  BOOST_TEST(payload() == R"({"pk":42,"id":"0190aaaa-bbbb-7ccc-8ddd-000000000042","entity":"Order","bytes":1234})");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(subject)

BOOST_DATA_TEST_CASE(an_entity_becomes_one_token, data::make({"Order", "a-b_C9", "", " ", "a.b", "*", ">", "100%"}) ^
                                                      data::make({"Order", "a-b_C9", "_", "%20", "a%2Eb", "%2A", "%3E", "100%25"}),
                     entity, token) {
  BOOST_TEST(entity_token(entity).value() == token);
}

BOOST_AUTO_TEST_CASE(a_token_has_at_most_200_bytes) {
  BOOST_TEST(entity_token(std::string(200, 'a')).has_value());
  BOOST_TEST(!entity_token(std::string(201, 'a')).has_value());
  BOOST_TEST(!entity_token(std::string(67, '.')).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
