#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include "common/config/action_rules.hpp"
#include "common/errors.hpp"
#include "executor/address.hpp"
#include "executor/delivery.hpp"
#include "executor/event_view.hpp"
#include "executor/http_client.hpp"
#include "executor/letter.hpp"
#include "executor/observers.hpp"
#include "executor/progress.hpp"
#include "executor/tally.hpp"
#include "executor/actions/webhook_headers.hpp"

using namespace fraiseql;
using namespace std::chrono_literals;
namespace data = boost::unit_test::data;

BOOST_AUTO_TEST_SUITE(address)

const std::vector<std::string> refused = {"0.0.0.0",          "10.1.2.3",          "100.64.0.1",   "127.0.0.1",
                                          "127.255.255.255",  "169.254.169.254",   "172.16.0.1",   "172.31.255.255",
                                          "192.0.0.192",      "192.0.2.1",         "192.168.0.1",  "198.18.0.1",
                                          "198.51.100.7",     "203.0.113.9",       "224.0.0.1",    "255.255.255.255",
                                          "168.63.129.16",    "100.100.100.200",   "::",           "::1",
                                          "::ffff:127.0.0.1", "::ffff:10.0.0.1",   "::127.0.0.1",  "64:ff9b::7f00:1",
                                          "64:ff9b:1::1",     "2002:7f00:1::",     "2002:a00:1::", "fc00::1",
                                          "fd00:ec2::254",    "fe80::1",           "febf::1",      "fec0::1",
                                          "ff02::1",          "2001:db8::1",       "3fff::1",      "2001::1",
                                          "100::1",           "::ffff:0:127.0.0.1"};
BOOST_DATA_TEST_CASE(addresses_that_no_webhook_may_reach, refused) {
  BOOST_TEST(!refused_kind(*IpAddress::parse(sample)).empty());
}

const std::vector<std::string> open_ones = {"1.1.1.1",        "8.8.8.8",         "11.0.0.0",       "100.63.255.255",
                                            "100.128.0.0",    "126.255.255.255", "128.0.0.1",      "172.15.0.1",
                                            "172.32.0.1",     "192.167.255.255", "::ffff:8.8.8.8", "64:ff9b::808:808",
                                            "2002:808:808::", "2606:4700::1111", "2a00::1"};
BOOST_DATA_TEST_CASE(public_addresses, open_ones) { BOOST_TEST(refused_kind(*IpAddress::parse(sample)) == ""); }

BOOST_AUTO_TEST_CASE(a_refusal_prints_the_line_that_would_allow_it) {
  const AddressPolicy none({});
  BOOST_TEST(*none.refusal(*IpAddress::parse("::ffff:127.0.0.1")) ==
             "address 127.0.0.1 is refused (loopback); to allow it: [security] allow_networks = [\"127.0.0.1/32\"]");
  BOOST_TEST(none.refusal(*IpAddress::parse("fd00::1"))->find("[\"fd00::1/128\"]") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_is_allowed_is_allowed_in_each_of_its_spellings_and_nothing_else) {
  const AddressPolicy policy({"10.0.0.0/8", "fd00::/16"});
  for (const char* text : {"10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::a01:203", "fd00::9"})
    BOOST_TEST(!policy.refusal(*IpAddress::parse(text)));
  for (const char* text : {"127.0.0.1", "11.0.0.1", "fd01::1"})
    BOOST_TEST((policy.refusal(*IpAddress::parse(text)).has_value() || std::string(text) == "11.0.0.1"));
}

BOOST_AUTO_TEST_CASE(a_network_is_an_address_with_a_prefix) {
  for (const char* text : {"10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0/8", "host/8", "::/129", "", "10.0.0.0/8x"})
    BOOST_TEST(!Network::parse(text));
  BOOST_CHECK_THROW(AddressPolicy({"nonsense"}), ConfigError);
  BOOST_TEST(Network::parse("0.0.0.0/0").value().contains(*IpAddress::parse("8.8.8.8")));
  BOOST_TEST(!Network::parse("::/0").value().contains(*IpAddress::parse("8.8.8.8")));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(event_view)

namespace {
std::string event_with(const std::string& data, const std::string& more = "") {
  return R"({"event":"UPDATE","entity":"Order","subject":"p.Order.UPDATE","timestamp":"2024-01-15T10:30:00.000001Z","data":)" +
         data + more + "}";
}
}  // namespace

const std::vector<std::string> good = {"null",
                                       "1",
                                       "-0",
                                       "1.10",
                                       "1e400",
                                       "-1E+5",
                                       "9007199254740993",
                                       std::string(400, '9'),
                                       "\"\"",
                                       "[]",
                                       "{}",
                                       "[1,[2,{\"a\":[]}]]",
                                       R"({"data":{"event":1},"x":"\u00e9\ud83d\ude00\ud800\n\/"})",
                                       "\"\xc3\xa9\xf0\x9f\x98\x80\"",
                                       "true",
                                       " false "};
BOOST_DATA_TEST_CASE(any_json_may_be_the_row, good) { BOOST_TEST(bool(view_event(event_with(sample), "p.Order.UPDATE"))); }

BOOST_AUTO_TEST_CASE(the_members_are_read) {
  const auto view = view_event(event_with("1", R"(,"before":{"a":1},"changed":["a","b"])"), "p.Order.UPDATE");
  BOOST_REQUIRE(bool(view));
  BOOST_TEST(view.value().event == "UPDATE");
  BOOST_TEST(view.value().entity == "Order");
  BOOST_TEST(view.value().timestamp == "2024-01-15T10:30:00.000001Z");
  BOOST_TEST((view.value().changed_at.time_since_epoch() == 1705314600s + 1us));
  const auto escaped = view_event(
      R"({"event":"INSERT","entity":"\u00dc\"\u00e9","subject":"s","timestamp":"2024-01-15T10:30:00Z","data":1})", "s");
  BOOST_REQUIRE(bool(escaped));
  BOOST_TEST(escaped.value().entity == "\xc3\x9c\"\xc3\xa9");
}

const std::vector<std::string> bad = {"",
                                      "{",
                                      "[]",
                                      "nul",
                                      "01",
                                      "1.",
                                      "+1",
                                      ".5",
                                      "1e",
                                      "\"\t\"",
                                      "\"\\x\"",
                                      "\"\\u12g4\"",
                                      "[1,]",
                                      "[1 2]",
                                      "{\"a\"}",
                                      "{\"a\":}",
                                      "{a:1}",
                                      "\"",
                                      "[}",
                                      "'a'",
                                      "NaN",
                                      "-",
                                      "\"\xff\"",
                                      "\"\xc0\x80\"",
                                      "\"\xed\xa0\x80\"",
                                      "\"\xf5\x80\x80\x80\"",
                                      "{\"a\":1,}",
                                      "//1"};
BOOST_DATA_TEST_CASE(what_is_no_json_is_no_event, bad) {
  if (sample == "[]") return;
  BOOST_TEST(!view_event(event_with(sample), "p.Order.UPDATE"));
}

BOOST_AUTO_TEST_CASE(what_is_json_and_yet_no_event) {
  for (const std::string& payload :
       {std::string(), std::string("{"), std::string("[]"), std::string("{}"), std::string("null"), event_with("1") + "x",
        event_with("1") + std::string("\0", 1), event_with("1", R"(,"more":1)"), event_with("1", R"(,"data":2)"),
        event_with("1", R"(,"changed":[1])"), event_with("1", R"(,"changed":["a",[]])"), event_with("1", R"(,"changed":{})"),
        std::string(R"({"event":"NOOP","entity":"a","subject":"p.Order.UPDATE","timestamp":"2024-01-15T10:30:00Z","data":1})"),
        std::string(R"({"event":"INSERT","entity":1,"subject":"p.Order.UPDATE","timestamp":"2024-01-15T10:30:00Z","data":1})"),
        std::string(R"({"event":"INSERT","entity":"a","subject":"p.Order.UPDATE","timestamp":"yesterday","data":1})")})
    BOOST_TEST(!view_event(payload, "p.Order.UPDATE"), payload);
  BOOST_TEST(!view_event(event_with("1"), "another.subject"));
}

BOOST_AUTO_TEST_CASE(nesting_costs_no_stack_and_is_capped) {
  const auto nested = [](std::size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); };
  BOOST_TEST(bool(view_event(event_with(nested(6'000)), "p.Order.UPDATE")));
  BOOST_TEST(!view_event(event_with(nested(1'000'000)), "p.Order.UPDATE"));
  BOOST_TEST(!view_event(event_with(std::string(1'000'000, '[')), "p.Order.UPDATE"));
}

BOOST_AUTO_TEST_CASE(timestamps_are_iso_8601_in_utc) {
  for (const char* text :
       {"2024-01-15T10:30:00Z", "2024-02-29T23:59:59.123456Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.9Z"})
    BOOST_TEST(parse_event_time(text).has_value());
  for (const char* text :
       {"", "Z", "2024-01-15", "2024-01-15 10:30:00Z", "2024-01-15T10:30:00", "2024-02-30T00:00:00Z", "2024-01-15T24:00:00Z",
        "2024-01-15T10:30:00.Z", "2024-01-15T10:30:00+01:00Z", "2024-01-15T10:30:00.1234567890Z"})
    BOOST_TEST(!parse_event_time(text));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(delivery)

BOOST_AUTO_TEST_CASE(ack_subjects_have_nine_tokens_or_eleven_and_more) {
  for (const char* text : {"$JS.ACK.s.c.2.17.9.1700000000000000001.5", "$JS.ACK._.hash.s.c.2.17.9.1700000000000000001.5",
                           "$JS.ACK.hub.hash.s.c.2.17.9.1700000000000000001.5.rnd"}) {
    const auto parsed = parse_ack_subject(text);
    BOOST_REQUIRE(parsed.has_value());
    BOOST_TEST(parsed->deliveries == 2u);
    BOOST_TEST(parsed->stream_seq == 17u);
    BOOST_TEST(parsed->consumer_seq == 9u);
    BOOST_TEST(parsed->stored_at_ns == 1700000000000000001);
  }
  for (const char* text :
       {"", "$JS.ACK", "$JS.ACK.s.c.2.17.9.1", "$JS.ACK.s.c.2.17.9.1.0.0", "$JS.ACK.s.c.x.17.9.1.0", "_INBOX.1.2.3.4.5.6.7.8"})
    BOOST_TEST(!parse_ack_subject(text));
  BOOST_TEST(parse_ack_subject(made_up_ack("s", "c", 3, 17))->stream_seq == 17u);
}

BOOST_AUTO_TEST_CASE(a_stored_message_is_read_from_the_servers_answer) {
  const auto message = parse_stored_message(
      R"({"message":{"subject":"a.b","seq":7,"hdrs":"TkFUUy8xLjANCk5hdHMtTXNnLUlkOiB4DQpBOiANCg0K","data":"aGk=","time":"2024-01-15T10:30:00.5Z"}})");
  BOOST_REQUIRE(bool(message));
  BOOST_TEST(message.value().payload == "hi");
  BOOST_TEST(message.value().header("Nats-Msg-Id") == "x");
  BOOST_TEST(message.value().headers.size() == 2u);
  BOOST_TEST(message.value().stored_at_ns == 1705314600500000000);
  for (const char* json :
       {"", "{}", "{\"message\":1}", R"({"message":{"subject":"a","seq":7,"data":"a"}})", R"({"error":{"code":404}})"})
    BOOST_TEST(!parse_stored_message(json));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(webhook)

BOOST_AUTO_TEST_CASE(users_cannot_override_our_headers_nor_the_framing) {
  for (const char* name : {"Webhook-ID", "fraiseql-pk", "Fraiseql-Anything", "Webhook-Signature", "x-fraiseql-signature-256",
                           "Content-Length", "Transfer-Encoding", "Connection", "Host", "Expect"})
    BOOST_TEST(config::is_own_header(name), name);
  for (const char* name : {"X-Mine", "Authorization", "Accept", "X-Fraiseql"}) BOOST_TEST(!config::is_own_header(name), name);
}

BOOST_AUTO_TEST_CASE(our_headers_say_which_event_and_which_try) {
  StoredMessage message;
  message.headers = {{"Nats-Msg-Id", "id-1"}, {"Fraiseql-Pk", "42"}};
  const std::vector<std::string> expected{"webhook-id: id-1", "webhook-timestamp: 1700000000", "Fraiseql-Pk: 42",
                                          "Fraiseql-Observer: ship", "Fraiseql-Attempt: 2"};
  BOOST_TEST(webhook_headers("ship", message, 2, 1700000000) == expected, boost::test_tools::per_element());
  BOOST_TEST(header_line("X-Mine", "kept") == "X-Mine: kept");
  BOOST_TEST(header_line("X-Empty", "") == "X-Empty;");
  BOOST_TEST(header_line("X-Blank", "  ") == "X-Blank;");
}

BOOST_AUTO_TEST_CASE(a_line_break_in_a_value_does_not_become_a_header) {
  StoredMessage message;
  message.headers = {{"Nats-Msg-Id", "a\r\nEvil: 1"}};
  BOOST_TEST(webhook_headers("o", message, 1, 0)[0] == "webhook-id: a%0D%0AEvil: 1");
  BOOST_TEST(!config::is_header_name("X Y"));
  BOOST_TEST(config::is_header_name("X-Y"));
}

BOOST_AUTO_TEST_CASE(a_message_without_an_id_is_called_by_its_place_and_time) {
  StoredMessage message;
  message.stream_seq = 7;
  message.stored_at_ns = 9;
  BOOST_TEST(event_id(message) == "seq-7-9");
}

BOOST_AUTO_TEST_CASE(a_host_is_named_with_its_port) {
  BOOST_TEST(host_of("https://User:secret@Example.COM/path?x") == "example.com:443");
  BOOST_TEST(host_of("http://[::1]:8080/") == "[::1]:8080");
  for (const char* url : {"ftp://example.com/", "file:///etc/passwd", "example.com", "http://", "http://exa mple/", ""})
    BOOST_CHECK_THROW(host_of(url), ConfigError);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(letter)

namespace {
StoredMessage original() {
  StoredMessage message;
  message.subject = "fraiseql.mutation.Order.UPDATE";
  message.payload = "{\"a\":1}";
  message.stream_seq = 17;
  message.headers = {{"Nats-Msg-Id", "id-1"}, {"Nats-Expected-Stream", "x"},     {"nats-rollup", "all"},
                     {"Fraiseql-Pk", "42"},   {"Fraiseql-Dlq-Reason", "forged"}, {"X-Note", "the Nats-Msg-Id text"}};
  return message;
}
std::string value(const Letter& letter, const std::string& name) {
  std::string found = "-";
  for (const auto& [key, text] : letter.headers)
    if (key == name) found = found == "-" ? text : found + " twice";
  return found;
}
Letter of(const StoredMessage& message, std::int64_t max_payload = 1 << 20) {
  return make_letter(message, {"action_failed", "ship", 2, 3, "HTTP 500", 500}, "fraiseql.mutation", "fraiseql.dlq", max_payload,
                     std::chrono::system_clock::from_time_t(1700000000));
}
}  // namespace

BOOST_AUTO_TEST_CASE(a_letter_says_why_and_never_copies_what_jetstream_would_obey) {
  const Letter letter = of(original());
  BOOST_TEST(letter.subject == "fraiseql.dlq.Order.UPDATE");
  BOOST_TEST(letter.payload == "{\"a\":1}");
  BOOST_TEST(letter.headers.front().first == "Nats-Msg-Id");
  BOOST_TEST(value(letter, "Nats-Msg-Id") == "dlq:id-1:ship:2");
  BOOST_TEST(value(letter, "Fraiseql-Dlq-Reason") == "action_failed");
  BOOST_TEST(value(letter, "Fraiseql-Dlq-Action") == "2");
  BOOST_TEST(value(letter, "Fraiseql-Dlq-Attempts") == "3");
  BOOST_TEST(value(letter, "Fraiseql-Dlq-Http-Status") == "500");
  BOOST_TEST(value(letter, "Fraiseql-Dlq-Stream-Seq") == "17");
  BOOST_TEST(value(letter, "Fraiseql-Dlq-Failed-At") == "2023-11-14T22:13:20.000000Z");
  BOOST_TEST(value(letter, "Fraiseql-Event-Id") == "id-1");
  BOOST_TEST(value(letter, "Fraiseql-Pk") == "42");
  BOOST_TEST(value(letter, "Nats-Expected-Stream") == "-");
  BOOST_TEST(value(letter, "nats-rollup") == "-");
  BOOST_TEST(value(letter, "X-Note") == "the Nats%2DMsg-Id text");
}

BOOST_AUTO_TEST_CASE(a_subject_that_is_none_of_ours_and_a_token_too_long_become_an_underscore) {
  StoredMessage message = original();
  message.subject = "fraiseql.mutation." + std::string(201, 'x') + ".INSERT";
  BOOST_TEST(of(message).subject == "fraiseql.dlq._.INSERT");
  message.subject = "fraiseql.mutation.Order";
  BOOST_TEST(of(message).subject == "fraiseql.dlq.Order._");
}

BOOST_AUTO_TEST_CASE(a_letter_that_would_be_too_large_says_what_it_leaves_out) {
  StoredMessage message = original();
  message.headers.emplace_back("X-Long", std::string(3000, 'x'));
  message.payload = std::string(7000, 'x');
  const Letter without_headers = of(message, 8192);
  BOOST_TEST(without_headers.payload.size() == 7000u);
  BOOST_TEST(value(without_headers, "X-Long") == "-");
  BOOST_TEST(value(without_headers, "Fraiseql-Pk") == "42");
  message.payload = std::string(8192, 'x');
  const Letter without_payload = of(message, 8192);
  BOOST_TEST(without_payload.payload.empty());
  BOOST_TEST(value(without_payload, "Fraiseql-Dlq-Omitted-Bytes") == "8192");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(row_of_an_event)

BOOST_AUTO_TEST_CASE(the_row_of_an_event_is_seen_as_it_stands_in_the_payload) {
  const std::string payload =
      R"({"event":"UPDATE","entity":"Order","subject":"s","timestamp":"2024-01-15T10:30:00Z","data": {"a":[{}, 1.10]} ,"before":null,"changed":["a","b"]})";
  const auto view = view_event(payload, "s");
  BOOST_REQUIRE(view);
  BOOST_TEST(view.value().data == R"({"a":[{}, 1.10]})");
  BOOST_TEST(view.value().before == "null");
  BOOST_TEST(view.value().changed == R"(["a","b"])");
  const std::string scalar = R"({"data":-1e400,"event":"INSERT","entity":"Order","subject":"s","timestamp":"2024-01-15T10:30:00Z"})";
  BOOST_TEST(view_event(scalar, "s").value().data == "-1e400");
  BOOST_TEST(view_event(scalar, "s").value().before.empty());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(observers_and_progress)

namespace {
Observers three() {
  ActionConfig hook;
  hook.type = "webhook";
  hook.url = {"http://example.com/", "o:1"};
  ActionConfig log;
  log.type = "log";
  ObserverConfig all{.name = "all", .origin = "o:1", .entity = "*", .event_type = "*", .condition = {}, .actions = {hook, log}, .retry = {}};
  ObserverConfig deletes = all;
  deletes.name = "deletes", deletes.entity = "Order", deletes.event_type = "DELETE", deletes.actions = {hook};
  ObserverConfig off = all;
  off.name = "off", off.enabled = false, off.actions = {hook};
  return Observers({all, deletes, off}, {});
}

std::vector<std::size_t> matching(const Observers& observers, const char* entity, const char* type) {
  EventView view;
  view.entity = entity, view.event = type;
  const StoredMessage message;
  const std::string id = "id";
  Tally tally;
  return observers.matching({message, view, id}, tally);
}
}  // namespace

BOOST_AUTO_TEST_CASE(an_event_is_matched_by_entity_and_type_in_the_order_of_the_file) {
  const Observers observers = three();
  BOOST_TEST(matching(observers, "Order", "DELETE") == (std::vector<std::size_t>{0, 1}), boost::test_tools::per_element());
  BOOST_TEST(matching(observers, "Order", "INSERT") == (std::vector<std::size_t>{0}), boost::test_tools::per_element());
  BOOST_TEST(matching(observers, "order", "DELETE") == (std::vector<std::size_t>{0}), boost::test_tools::per_element());
  BOOST_TEST(observers.action(0, 0).host() == "example.com:80");
  BOOST_TEST(observers.action(0, 1).host() == "");
}

BOOST_AUTO_TEST_CASE(progress_comes_back_as_it_was_also_when_the_file_has_changed) {
  const Observers observers = three();
  std::vector<Track> tracks{{0, std::vector<ActionState>(2)}, {1, std::vector<ActionState>(1)}};
  BOOST_TEST(encode_progress(tracks, observers).empty());
  tracks[0].actions[0].phase = ActionState::Phase::done;
  tracks[0].actions[0].attempts = 1;
  tracks[0].actions[1].phase = ActionState::Phase::waiting;
  tracks[0].actions[1].attempts = 2;
  tracks[1].actions[0].phase = ActionState::Phase::failed;
  const std::string json = encode_progress(tracks, observers);
  std::vector<Track> fresh{{1, std::vector<ActionState>(1)}, {0, std::vector<ActionState>(2)}};
  apply_progress(json, fresh, observers);
  BOOST_TEST((fresh[0].actions[0].phase == ActionState::Phase::failed));
  BOOST_TEST((fresh[1].actions[0].phase == ActionState::Phase::done));
  BOOST_TEST((fresh[1].actions[1].phase == ActionState::Phase::pending));
  BOOST_TEST(fresh[1].actions[1].attempts == 2u);
  for (const char* nonsense : {"", "[]", "{\"all\":1}", "{\"all\":[[1,2],[\"done\"]]}", "{\"gone\":[[\"done\",1]]}"})
    apply_progress(nonsense, fresh, observers);
  BOOST_TEST((fresh[0].actions[0].phase == ActionState::Phase::failed));
}

BOOST_AUTO_TEST_CASE(a_key_holds_only_what_a_bucket_takes) {
  BOOST_TEST(progress_key("0193-ab_Z") == "p.0193-ab_Z");
  BOOST_TEST(progress_key("a.b c*>") == "p.a=2Eb=20c=2A=3E");
}

BOOST_AUTO_TEST_SUITE_END()
