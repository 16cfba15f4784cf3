#include "common/nats/wire.hpp"

#include <boost/test/unit_test.hpp>
#include <cstring>
#include <string>
#include <vector>

#include "common/nats/publisher.hpp"

using namespace fraiseql;
using namespace fraiseql::nats::wire;
using fraiseql::nats::parse_server_url;

namespace {

void feed(Reader& reader, std::string_view bytes) {
  std::memcpy(reader.space(bytes.size()), bytes.data(), bytes.size());
  reader.filled(bytes.size());
}

std::string told(const Frame& frame) {
  static constexpr const char* kinds[] = {"message", "ping", "pong", "ok", "error", "info"};
  return std::string(kinds[static_cast<int>(frame.kind)]) + "|" + std::string(frame.subject) + "|" + std::string(frame.headers) + "|" + std::string(frame.payload);
}

std::vector<std::string> frames(Reader& reader) {
  std::vector<std::string> all;
  Frame frame;
  while (true) {
    const auto got = reader.next(frame);
    if (got == Reader::Got::more) return all;
    if (got == Reader::Got::nonsense) {
      all.push_back("nonsense");
      return all;
    }
    all.push_back(told(frame));
  }
}

std::vector<std::string> frames(std::string_view bytes) {
  Reader reader(4096);
  feed(reader, bytes);
  return frames(reader);
}

const std::string session =
    "INFO {\"server_id\":\"x\",\"max_payload\":1048576,\"headers\":true}\r\nPONG\r\n+OK\r\n"
    "MSG _INBOX.a.1 1 5\r\nhello\r\nMSG _INBOX.a.2 1 reply.to 0\r\n\r\nPING\r\n"
    "HMSG _INBOX.a.3 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\nHMSG _INBOX.a.4 1 back 12 17\r\nNATS/1.0\r\n\r\n12345\r\n"
    "MSG _INBOX.a.5\t1  4\r\n\r\n\r\n\r\n-ERR 'Stale Connection'\r\n";
const std::vector<std::string> session_frames = {
    "info|||{\"server_id\":\"x\",\"max_payload\":1048576,\"headers\":true}", "pong|||", "ok|||", "message|_INBOX.a.1||hello", "message|_INBOX.a.2||",
    "ping|||", "message|_INBOX.a.3|NATS/1.0 503\r\n\r\n|", "message|_INBOX.a.4|NATS/1.0\r\n\r\n|12345", "message|_INBOX.a.5||\r\n\r\n",
    "error|||'Stale Connection'"};

}  // namespace

BOOST_AUTO_TEST_SUITE(wire)

BOOST_AUTO_TEST_CASE(a_session_is_cut_into_its_frames) { BOOST_TEST(frames(session) == session_frames, boost::test_tools::per_element()); }

BOOST_AUTO_TEST_CASE(it_does_not_matter_where_the_network_cuts_the_bytes) {
  for (std::size_t at = 0; at <= session.size(); ++at) {
    Reader reader;
    feed(reader, std::string_view(session).substr(0, at));
    auto all = frames(reader);
    feed(reader, std::string_view(session).substr(at));
    for (auto& frame : frames(reader)) all.push_back(std::move(frame));
    BOOST_REQUIRE(all == session_frames);
  }
  Reader reader;
  std::vector<std::string> all;
  for (const char byte : session) {
    feed(reader, {&byte, 1});
    for (auto& frame : frames(reader)) all.push_back(std::move(frame));
  }
  BOOST_TEST(all == session_frames, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_is_not_nats_is_nonsense) {
  for (const char* bytes : {"HTTP/1.1 400 Bad Request\r\n", "\r\n", "MSG\r\n", "MSG a 1\r\n", "MSG a 1 x\r\n", "MSG a 1 -1\r\n", "MSG a 1 5 6 7\r\n",
                            "MSG a 1 99999999999999999999\r\n", "MSG a 1 5000\r\n", "MSG a 1 2\r\nabcd", "HMSG a 1 12\r\n", "HMSG a 1 13 12\r\n",
                            "HMSG a 1 x 12\r\n", "PINGPING\r\n", "MSG a 1 0x5\r\n", "MSG a 1 5.0\r\n"})
    BOOST_TEST(frames(bytes) == std::vector<std::string>{"nonsense"}, bytes);
  BOOST_TEST(frames(std::string(5000, 'x')) == std::vector<std::string>{"nonsense"});
}

BOOST_AUTO_TEST_CASE(an_endless_line_is_nonsense_and_not_endless_memory) {
  Reader reader(1000);
  Frame frame;
  const std::string part(100, 'A');
  int parts = 0;
  while (reader.next(frame) == Reader::Got::more && parts < 100) feed(reader, part), ++parts;
  BOOST_TEST(parts == 11);
}

BOOST_AUTO_TEST_CASE(a_publish_says_its_lengths) {
  std::string out;
  append_publish(out, "a.b", "", "NATS/1.0\r\n\r\n", "xyz");
  BOOST_TEST(out == "HPUB a.b 12 15\r\nNATS/1.0\r\n\r\nxyz\r\n");
  out.clear();
  append_publish(out, "a.b", "r", "NATS/1.0\r\n\r\n", "");
  BOOST_TEST(out == "HPUB a.b r 12 12\r\nNATS/1.0\r\n\r\n\r\n");
}

BOOST_AUTO_TEST_CASE(the_servers_info_is_read) {
  const auto info = parse_info(R"({"version":"2.15.1","max_payload":8388608,"headers":true,"connect_urls":["a"]})");
  BOOST_REQUIRE(info);
  BOOST_TEST(info.value().max_payload == 8388608);
  BOOST_TEST(info.value().headers);
  BOOST_TEST(!info.value().tls_required);
  BOOST_TEST(info.value().version == "2.15.1");
  for (const char* bad : {"", "{", "[]", "1", "{\"a\":1} x"}) BOOST_TEST(!parse_info(bad), bad);
  BOOST_TEST(parse_info(R"({"max_payload":"x","headers":1})").value().max_payload == 1048576);
}

BOOST_AUTO_TEST_CASE(a_connect_line_quotes_what_it_is_told) {
  const std::string line = connect_line({"bridge \"1\"", "user", "p\"\\\n", ""});
  BOOST_TEST(line.starts_with("CONNECT {"));
  BOOST_TEST(line.ends_with("}\r\n"));
  BOOST_TEST(line.find(R"("name":"bridge \"1\"")") != std::string::npos);
  BOOST_TEST(line.find(R"("user":"user","pass":"p\"\\\n")") != std::string::npos);
  BOOST_TEST(line.find("auth_token") == std::string::npos);
  BOOST_TEST(line.find("\n") == line.size() - 1);
}

BOOST_AUTO_TEST_CASE(an_ack_is_read_however_it_is_written) {
  for (const char* text : {R"({"stream":"fraiseql_events","seq":17})", R"({"stream":"fraiseql_events", "seq":17})",
                           "{ \"seq\" : 17 ,\n \"domain\":\"hub\", \"stream\" :\t\"fraiseql_events\" }",
                           R"({"type":"x","extra":{"seq":1,"stream":"other","error":{"code":3}},"stream":"fraiseql_events","seq":17,"val":"5"})"}) {
    const auto ack = parse_pub_ack(text);
    BOOST_REQUIRE(ack);
    BOOST_TEST(ack.value().stream == "fraiseql_events");
    BOOST_TEST(ack.value().seq == 17u);
    BOOST_TEST(!ack.value().duplicate);
    BOOST_TEST(ack.value().code == 0);
  }
  BOOST_TEST(parse_pub_ack(R"({"stream":"s","seq":18446744073709551615})").value().seq == UINT64_MAX);
  BOOST_TEST(parse_pub_ack(R"({"stream":"stream","seq":1})").value().stream == "stream");
}

BOOST_AUTO_TEST_CASE(a_duplicate_is_told) {
  const auto ack = parse_pub_ack(R"({"stream":"s", "seq":5, "duplicate": true})");
  BOOST_REQUIRE(ack);
  BOOST_TEST(ack.value().duplicate);
  BOOST_TEST(ack.value().seq == 5u);
  BOOST_TEST(!parse_pub_ack(R"({"stream":"s","seq":5,"duplicate":false})").value().duplicate);
  BOOST_TEST(!parse_pub_ack(R"({"stream":"s","seq":5})").value().duplicate);  // nothing is left of the one before
}

BOOST_AUTO_TEST_CASE(a_refusal_is_told_with_its_numbers) {
  const auto ack = parse_pub_ack(R"({"error":{"code":400,"err_code":10071,"description":"wrong last sequence: 3"},"stream":"s","seq":0})");
  BOOST_REQUIRE(ack);
  BOOST_TEST(ack.value().code == 400);
  BOOST_TEST(ack.value().err_code == 10071);
  BOOST_TEST(ack.value().description == "wrong last sequence: 3");
  BOOST_TEST(parse_pub_ack(R"({"error":{"err_code":10077}})").value().code == 500);
  BOOST_TEST(parse_pub_ack(R"({"error":{},"other":{"a":1},"stream":"s","seq":9})").value().code == 500);
}

BOOST_AUTO_TEST_CASE(what_is_no_ack_is_an_error) {
  for (const char* text : {"", "+OK", "{", "[]", "17", "null", "{}", R"({"seq":5})", R"({"stream":"s"})", R"({"stream":"s","seq":"5"})", R"({"stream":"s","seq":-5})",
                           R"({"stream":"s","seq":5.5})", R"({"stream":"s","seq":5} x)", R"({"stream":"s","seq":5}{})"})
    BOOST_TEST(!parse_pub_ack(text), text);
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "{\"a\":";
  BOOST_TEST(!parse_pub_ack(deep));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(server_url)

BOOST_AUTO_TEST_CASE(host_and_port_and_who) {
  const auto full = parse_server_url(" nats://us%40er:p%3Aw%2F@host.example:4333/ ");
  BOOST_REQUIRE(full);
  BOOST_TEST(full.value().host == "host.example");
  BOOST_TEST(full.value().port == "4333");
  BOOST_TEST(full.value().user == "us@er");
  BOOST_TEST(full.value().password == "p:w/");
  BOOST_TEST(!full.value().tls);
  BOOST_TEST(parse_server_url("nats://t0ken@host").value().token == "t0ken");
  BOOST_TEST(parse_server_url("nats://host").value().port == "4222");
  BOOST_TEST(parse_server_url("host:1").value().host == "host");
  BOOST_TEST(parse_server_url("tls://host").value().tls);
  BOOST_TEST(parse_server_url("nats://[::1]:4222").value().host == "::1");
  BOOST_TEST(parse_server_url("nats://[::1]").value().port == "4222");
  BOOST_TEST(parse_server_url("nats://100%@host").value().token == "100%");
}

BOOST_AUTO_TEST_CASE(mistakes_are_told) {
  for (const char* url : {"", "nats://", "nats://:4222", "nats://host:", "http://host", "nats://[::1", "nats://user@", "nats://[]:1", "nats://[::1]x"})
    BOOST_TEST(!parse_server_url(url), url);
}

BOOST_AUTO_TEST_SUITE_END()
