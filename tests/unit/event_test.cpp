#include "common/event.hpp"

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

using namespace fraiseql;

namespace {

/// What a server makes of one HPUB frame, cut apart by its own counts.
struct Sent {
  std::string subject, reply, headers, payload;
};

Sent cut(const std::string& frame) {
  const auto line_end = frame.find("\r\n");
  std::vector<std::string> words;
  std::string word;
  for (const char c : frame.substr(0, line_end) + ' ') {
    if (c != ' ') word += c;
    else words.push_back(std::exchange(word, {}));
  }
  BOOST_REQUIRE(words.size() >= 4);
  BOOST_REQUIRE(words[0] == "HPUB");
  const auto headers = std::stoul(words[words.size() - 2]), total = std::stoul(words.back());
  BOOST_REQUIRE(frame.size() == line_end + 2 + total + 2);
  BOOST_TEST(frame.substr(frame.size() - 2) == "\r\n");
  Sent sent{words[1], words.size() == 5 ? words[2] : "", frame.substr(line_end + 2, headers), frame.substr(line_end + 2 + headers, total - headers)};
  BOOST_TEST(sent.headers.starts_with("NATS/1.0\r\n"));
  BOOST_TEST(sent.headers.ends_with("\r\n\r\n"));
  return sent;
}

constexpr const char* id = "6b1e0a9e-6a9f-4d42-8f3e-0c8f6d0a1b2c";

ChangeRow row(std::string_view verb = "INSERT") {
  ChangeRow made;
  made.pk = 42;
  made.id = id;
  made.entity = "Order";
  made.verb = verb;
  made.created_at = "2024-01-15 10:30:00+00";
  made.data = R"({"id": 1, "total": 100.00})";
  made.data_bytes = static_cast<std::int64_t>(made.data.size());
  return made;
}

EventEncoder encoder() { return EventEncoder("fraiseql.mutation", "fraiseql.dlq", "pg_to_nats"); }

Sent encoded(const ChangeRow& change, const MessageLimits& limits = {}) {
  std::string out;
  const auto why = encoder().append(out, change, "", std::nullopt, limits);
  BOOST_REQUIRE_MESSAGE(!why, (why ? why->what : ""));
  return cut(out);
}

std::optional<Unpublishable> refusal(const ChangeRow& change, const MessageLimits& limits = {}) {
  std::string out = "before";
  const auto why = encoder().append(out, change, "_INBOX.x.1", 7, limits);
  if (why) BOOST_TEST(out == "before");
  return why;
}

std::string header_of(std::string_view value) {
  std::string out;
  append_header_value(out, value);
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(event)

BOOST_AUTO_TEST_CASE(a_minimal_row_is_exactly_these_bytes) {
  std::string out;
  BOOST_TEST(!encoder().append(out, row(), "", std::nullopt, {}));
  const std::string headers = std::string("NATS/1.0\r\nNats-Msg-Id: ") + id + "\r\nFraiseql-Source: pg_to_nats\r\nFraiseql-Pk: 42\r\n\r\n";
  const std::string payload = R"({"event":"INSERT","entity":"Order","subject":"fraiseql.mutation.Order.INSERT","timestamp":"2024-01-15T10:30:00Z",)"
                              R"("data":{"id": 1, "total": 100.00}})";
  BOOST_TEST(out == "HPUB fraiseql.mutation.Order.INSERT " + std::to_string(headers.size()) + " " + std::to_string(headers.size() + payload.size()) +
                        "\r\n" + headers + payload + "\r\n");
}

BOOST_AUTO_TEST_CASE(a_full_row_has_every_header_in_a_fixed_order) {
  ChangeRow change = row("update");
  change.seq = "7";
  change.entity_id = "11111111-2222-3333-4444-555555555555";
  change.tenant_id = "99999999-2222-3333-4444-555555555555";
  change.actor_type = "human_user";
  change.acting_for = "88888888-2222-3333-4444-555555555555";
  change.schema_version = "v3";
  change.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  change.tracestate = "a=1";
  change.before = R"({"status": "new"})";
  change.changed = R"(["status","total"])";
  std::string out;
  BOOST_TEST(!encoder().append(out, change, "_INBOX.abc.9", 17, {}));
  const Sent sent = cut(out);
  BOOST_TEST(sent.subject == "fraiseql.mutation.Order.UPDATE");
  BOOST_TEST(sent.reply == "_INBOX.abc.9");
  BOOST_TEST(sent.headers == std::string("NATS/1.0\r\nNats-Msg-Id: ") + id +
                                 "\r\nNats-Expected-Last-Sequence: 17\r\nFraiseql-Source: pg_to_nats\r\nFraiseql-Pk: 42\r\nFraiseql-Seq: 7\r\n"
                                 "Fraiseql-Entity-Id: 11111111-2222-3333-4444-555555555555\r\nFraiseql-Tenant-Id: 99999999-2222-3333-4444-555555555555\r\n"
                                 "Fraiseql-Actor-Type: human_user\r\nFraiseql-Acting-For: 88888888-2222-3333-4444-555555555555\r\n"
                                 "Fraiseql-Schema-Version: v3\r\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n"
                                 "tracestate: a=1\r\n\r\n");
  BOOST_TEST(sent.payload == R"({"event":"UPDATE","entity":"Order","subject":"fraiseql.mutation.Order.UPDATE","timestamp":"2024-01-15T10:30:00Z",)"
                             R"("data":{"id": 1, "total": 100.00},"before":{"status": "new"},"changed":["status","total"]})");
}

BOOST_AUTO_TEST_CASE(a_fraction_of_a_second_has_six_digits_or_is_left_out) {
  ChangeRow change = row();
  change.created_at = "2024-01-15 10:30:00.5+00";
  BOOST_TEST(encoded(change).payload.find(R"("timestamp":"2024-01-15T10:30:00.500000Z")") != std::string::npos);
  change.created_at = "2024-01-15 10:30:00.000001+00";
  BOOST_TEST(encoded(change).payload.find(R"("timestamp":"2024-01-15T10:30:00.000001Z")") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(impossible_timestamps_cannot_be_published) {
  for (const char* text : {"infinity", "-infinity", "0044-03-15 12:00:00+00 BC", "10000-01-01 00:00:00+00", "294276-12-31 23:59:59.999999+00", ""}) {
    ChangeRow change = row();
    change.created_at = text;
    const auto why = refusal(change);
    BOOST_REQUIRE_MESSAGE(why, text);
    BOOST_TEST(to_string(why->reason) == "timestamp");
  }
}

BOOST_AUTO_TEST_CASE(a_delete_carries_its_pre_image_as_data_and_never_before) {
  ChangeRow change = row("DELETE");
  change.data = {};
  change.before = R"({"id": 1})";
  BOOST_TEST(encoded(change).payload.ends_with(R"("data":{"id": 1}})"));
  change.data = R"({"id": 2})";
  BOOST_TEST(encoded(change).payload.ends_with(R"("data":{"id": 1}})"));
  change.before = {};
  BOOST_TEST(encoded(change).payload.ends_with(R"("data":{"id": 2}})"));
  change.data = {};
  BOOST_TEST(encoded(change).payload.ends_with(R"("data":null})"));
}

BOOST_AUTO_TEST_CASE(the_text_of_data_passes_through_untouched) {
  for (const char* text : {"null", "\"text\"", "100.00", "9007199254740993", "1e400", "-0", "1.10", "true", "[1, [2, {\"a\": null}]]", "{}",
                           "\"\\u0000\\ud83c\\udf53 \xF0\x9F\x8D\x93\"", "{\"a\": \"\xE2\x80\xAE\"}"}) {
    ChangeRow change = row();
    change.data = text;
    BOOST_TEST(encoded(change).payload.ends_with(std::string(R"("data":)") + text + "}"));
  }
}

BOOST_AUTO_TEST_CASE(without_data_there_is_null_and_nothing_else_is_made_up) {
  ChangeRow change = row();
  change.data = {};
  BOOST_TEST(encoded(change).payload.ends_with(R"("data":null})"));
  change.changed = "[]";
  BOOST_TEST(encoded(change).payload.ends_with(R"("data":null,"changed":[]})"));
}

BOOST_AUTO_TEST_CASE(an_entity_is_escaped_for_json_and_encoded_for_the_subject) {
  ChangeRow change = row();
  change.entity = "a\"b\\c\n\x01 \xF0\x9F\x8D\x93";
  const Sent sent = encoded(change);
  BOOST_TEST(sent.subject == "fraiseql.mutation.a%22b%5Cc%0A%01%20%F0%9F%8D%93.INSERT");
  BOOST_TEST(sent.payload.starts_with(R"({"event":"INSERT","entity":"a\"b\\c\n\u0001 )"
                                      "\xF0\x9F\x8D\x93" R"(","subject":"fraiseql.mutation.a%22b%5Cc%0A%01%20%F0%9F%8D%93.INSERT",)"));
  change.entity = "";
  BOOST_TEST(encoded(change).subject == "fraiseql.mutation._.INSERT");
}

BOOST_AUTO_TEST_CASE(another_verb_is_custom_with_the_verb_in_a_header) {
  const Sent noop = encoded(row("NOOP"));
  BOOST_TEST(noop.subject == "fraiseql.mutation.Order.CUSTOM");
  BOOST_TEST(noop.payload.starts_with(R"({"event":"CUSTOM",)"));
  BOOST_TEST(noop.headers.ends_with("Fraiseql-Pk: 42\r\nFraiseql-Verb: NOOP\r\n\r\n"));
  BOOST_TEST(encoded(row("CUSTOM")).headers.find("Fraiseql-Verb") == std::string::npos);
  BOOST_TEST(encoded(row("x\r\ny")).headers.find("Fraiseql-Verb: x%0D%0Ay\r\n") != std::string::npos);
  BOOST_TEST(encoded(row("insert")).headers.find("Fraiseql-Verb") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(header_values_hold_no_line_break_no_nul_and_no_name_of_the_servers) {
  BOOST_TEST(header_of("plain text") == "plain text");
  BOOST_TEST(header_of(std::string("a\r\nb\0c", 6)) == "a%0D%0Ab%00c");
  BOOST_TEST(header_of("Nats-Msg-Id: x") == "Nats%2DMsg-Id: x");
  BOOST_TEST(header_of("xNats-Nats-y-Nats") == "xNats%2DNats%2Dy-Nats");
  BOOST_TEST(header_of("-Nats") == "-Nats");
  BOOST_TEST(header_of("") == "");
  ChangeRow change = row();
  change.entity_id = "k\r\nNats-Msg-Id: other";
  const std::string headers = encoded(change).headers;
  BOOST_TEST(headers.find("Fraiseql-Entity-Id: k%0D%0ANats%2DMsg-Id: other\r\n") != std::string::npos);
  BOOST_TEST(headers.find("\r\nNats-Msg-Id: other") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_empty_header_is_not_a_missing_one) {
  ChangeRow change = row();
  change.entity_id = "";
  BOOST_TEST(encoded(change).headers.find("Fraiseql-Entity-Id: \r\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(exactly_max_payload_is_published_and_one_byte_more_is_not) {
  const Sent small = encoded(row());
  MessageLimits limits;
  limits.max_payload = small.headers.size() + small.payload.size();
  BOOST_TEST(encoded(row(), limits).payload == small.payload);
  --limits.max_payload;
  std::string out;
  const auto why = encoder().append(out, row(), "", std::nullopt, limits);
  BOOST_REQUIRE(why);
  BOOST_TEST(out.empty());
  BOOST_TEST(to_string(why->reason) == "oversize");
  BOOST_TEST(why->bytes == limits.max_payload + 1);
  BOOST_TEST(why->what == std::to_string(limits.max_payload + 1) + " bytes of headers and payload, max_payload is " + std::to_string(limits.max_payload));
}

BOOST_AUTO_TEST_CASE(the_streams_max_msg_size_counts_too) {
  const Sent small = encoded(row());
  MessageLimits limits;
  limits.max_msg_size = static_cast<std::int64_t>(small.headers.size() + small.payload.size());
  BOOST_TEST(encoded(row(), limits).payload == small.payload);
  --limits.max_msg_size;
  std::string out;
  const auto why = encoder().append(out, row(), "", std::nullopt, limits);
  BOOST_REQUIRE(why);
  BOOST_TEST(why->what.find("the stream's max_msg_size is " + std::to_string(limits.max_msg_size)) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_row_whose_text_was_not_read_is_oversize) {
  ChangeRow change = row();
  change.oversize = true;
  change.data = {};
  change.data_bytes = 64 << 20;
  const auto why = refusal(change);
  BOOST_REQUIRE(why);
  BOOST_TEST(to_string(why->reason) == "oversize");
  BOOST_TEST(why->bytes > std::size_t{64} << 20);
}

BOOST_AUTO_TEST_CASE(a_header_block_has_at_most_65535_bytes) {
  ChangeRow change = row();
  const std::size_t others = encoded(change).headers.size() + std::string("Fraiseql-Schema-Version: \r\n").size();
  const std::string fits(65535 - others, 'v'), more(65536 - others, 'v');
  change.schema_version = fits;
  BOOST_TEST(encoded(change).headers.size() == 65535u);
  change.schema_version = more;
  std::string out;
  const auto why = encoder().append(out, change, "", std::nullopt, {});
  BOOST_REQUIRE(why);
  BOOST_TEST(why->what.find("65536 bytes of headers") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_token_over_200_bytes_cannot_be_published) {
  ChangeRow change = row();
  const std::string fits(200, 'e'), more(201, 'e');
  change.entity = fits;
  BOOST_TEST(encoded(change).subject == "fraiseql.mutation." + fits + ".INSERT");
  change.entity = more;
  const auto why = refusal(change);
  BOOST_REQUIRE(why);
  BOOST_TEST(to_string(why->reason) == "subject");
}

BOOST_AUTO_TEST_CASE(one_encoder_takes_row_after_row) {
  EventEncoder one = encoder();
  std::string first, second, again;
  BOOST_TEST(!one.append(first, row(), "", std::nullopt, {}));
  ChangeRow other = row("DELETE");
  other.entity = "User";
  BOOST_TEST(!one.append(second, other, "", std::nullopt, {}));
  BOOST_TEST(!one.append(again, row(), "", std::nullopt, {}));
  BOOST_TEST(first == again);
  BOOST_TEST(cut(second).subject == "fraiseql.mutation.User.DELETE");
  for (int i = 0; i < 10'000; ++i) {
    const std::string name = "Entity" + std::to_string(i);
    other.entity = name;
    std::string out;
    BOOST_REQUIRE(!one.append(out, other, "", std::nullopt, {}));
    BOOST_REQUIRE(out.starts_with("HPUB fraiseql.mutation." + name + ".DELETE "));
  }
}

BOOST_AUTO_TEST_CASE(a_dead_letter_names_the_row_and_the_reason) {
  ChangeRow change = row();
  change.seq = "7";
  std::string out;
  encoder().append_letter(out, change, "_INBOX.x.3", {Unpublishable::Reason::oversize, "2 bytes, max_payload is 1", 1234}, "2024-02-01T00:00:00Z");
  const Sent sent = cut(out);
  BOOST_TEST(sent.subject == "fraiseql.dlq.Order.INSERT");
  BOOST_TEST(sent.reply == "_INBOX.x.3");
  BOOST_TEST(sent.headers == std::string("NATS/1.0\r\nNats-Msg-Id: dlq:pg_to_nats:42\r\nFraiseql-Dlq-Reason: unpublishable\r\n"
                                         "Fraiseql-Dlq-Error: 2 bytes, max_payload is 1\r\nFraiseql-Dlq-Failed-At: 2024-02-01T00:00:00Z\r\n"
                                         "Fraiseql-Event-Id: ") +
                                 id + "\r\nFraiseql-Source: pg_to_nats\r\nFraiseql-Pk: 42\r\nFraiseql-Seq: 7\r\n\r\n");
  BOOST_TEST(sent.payload == std::string(R"({"pk":42,"id":")") + id + R"(","entity":"Order","bytes":1234})");
}

BOOST_AUTO_TEST_CASE(a_dead_letter_of_a_row_with_a_huge_entity_or_huge_headers_fits) {
  ChangeRow change = row();
  std::string entity;
  for (int i = 0; i < 3000; ++i) entity += "\xE2\x82\xAC";  // three bytes each: 4096 is in the middle of one
  const std::string version(100'000, 'v');
  change.entity = entity;
  change.schema_version = version;
  std::string out;
  encoder().append_letter(out, change, "", {Unpublishable::Reason::subject, "too long", 1}, "2024-02-01T00:00:00Z");
  const Sent sent = cut(out);
  BOOST_TEST(sent.subject == "fraiseql.dlq._.INSERT");
  BOOST_TEST(sent.headers.size() < 65535u);
  BOOST_TEST(sent.headers.find("Fraiseql-Pk: 42\r\n") != std::string::npos);
  std::string whole;
  for (int i = 0; i < 4096 / 3; ++i) whole += "\xE2\x82\xAC";
  BOOST_TEST(sent.payload == std::string(R"({"pk":42,"id":")") + id + R"(","entity":")" + whole + R"(","bytes":1})");
}

BOOST_AUTO_TEST_SUITE_END()
