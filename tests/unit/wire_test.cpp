#include "common/nats/wire.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <cstring>
#include <vector>

#include "common/nats/publisher.hpp"

using namespace fraiseql;
using namespace fraiseql::nats;
namespace data = boost::unit_test::data;
using Kind = wire::Frame::Kind;

namespace {

void feed(wire::Reader& reader, std::string_view text) {
  std::memcpy(reader.space(text.size()), text.data(), text.size());
  reader.filled(text.size());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(nats_wire)

BOOST_AUTO_TEST_CASE(frames_come_out_whole_however_they_are_cut) {
  const std::string stream =
      "INFO {\"x\":1}\r\nPING\r\nMSG a.b 1 5\r\nhello\r\nHMSG a.c 1 r.1 12 14\r\nNATS/1.0\r\n\r\nhi\r\n+OK\r\n-ERR 'Stale Connection'\r\nPONG\r\n";
  for (std::size_t cut = 1; cut < stream.size(); ++cut) {
    wire::Reader reader;
    std::vector<std::string> got;
    const auto drain = [&] {
      wire::Frame frame;
      while (true) {
        const auto result = reader.next(frame);
        BOOST_REQUIRE((result != wire::Reader::Got::nonsense));
        if (result == wire::Reader::Got::more) return;
        got.push_back(std::to_string(static_cast<int>(frame.kind)) + "|" + std::string(frame.subject) + "|" + std::string(frame.headers) + "|" +
                      std::string(frame.payload));
      }
    };
    feed(reader, std::string_view(stream).substr(0, cut));
    drain();
    feed(reader, std::string_view(stream).substr(cut));
    drain();
    const std::vector<std::string> expected = {"5|||{\"x\":1}", "1|||", "0|a.b||hello", "0|a.c|NATS/1.0\r\n\r\n|hi", "3|||", "4|||'Stale Connection'", "2|||"};
    BOOST_TEST(got == expected, boost::test_tools::per_element());
  }
}

BOOST_DATA_TEST_CASE(what_is_not_nats_is_said_to_be_nonsense,
                     data::make({"HTTP/1.1 400 Bad Request\r\n", "MSG a\r\n", "MSG a 1 x\r\n", "HMSG a 1 9 5\r\n", "MSG a 1 99999999999\r\n", "MSG a 1 1\r\nab\r\n"}), text) {
  wire::Reader reader;
  feed(reader, text);
  wire::Frame frame;
  BOOST_TEST((reader.next(frame) == wire::Reader::Got::nonsense));
}

BOOST_AUTO_TEST_CASE(endless_bytes_without_a_line_are_nonsense) {
  wire::Reader reader(1000);
  feed(reader, std::string(1001, 'x'));
  wire::Frame frame;
  BOOST_TEST((reader.next(frame) == wire::Reader::Got::nonsense));
}

BOOST_AUTO_TEST_CASE(a_pub_ack_is_parsed_whatever_its_spaces) {
  const auto stored = wire::parse_pub_ack(R"({ "stream": "events", "seq":  7 })");
  BOOST_REQUIRE(bool(stored));
  BOOST_TEST(stored.value().stream == "events");
  BOOST_TEST(stored.value().seq == 7u);
  BOOST_TEST(!stored.value().duplicate);
  BOOST_TEST(stored.value().code == 0);
  const auto repeated = wire::parse_pub_ack(R"({"stream":"events","seq":7,"duplicate":true,"domain":"x","batch":{"seq":9}})");
  BOOST_TEST(repeated.value().duplicate);
  BOOST_TEST(repeated.value().seq == 7u);
}

BOOST_AUTO_TEST_CASE(a_refusal_has_its_code_and_words) {
  const auto refused =
      wire::parse_pub_ack(R"({"error":{"code":400,"err_code":10071,"description":"wrong last sequence: 3"},"stream":"events","seq":0})");
  BOOST_REQUIRE(bool(refused));
  BOOST_TEST(refused.value().code == 400);
  BOOST_TEST(refused.value().err_code == 10071);
  BOOST_TEST(refused.value().description == "wrong last sequence: 3");
}

BOOST_DATA_TEST_CASE(an_ack_that_is_not_json_is_an_error, data::make({"", "{", "nonsense", "{\"seq\":"}), text) {
  BOOST_TEST(!wire::parse_pub_ack(text));
}

BOOST_AUTO_TEST_CASE(a_server_url_has_host_port_and_who) {
  const auto plain = parse_server_url(" nats://broker ");
  BOOST_TEST(plain.value().host == "broker");
  BOOST_TEST(plain.value().port == "4222");
  const auto full = parse_server_url("nats://us%40er:p%3Ass@[::1]:4333");
  BOOST_TEST(full.value().user == "us@er");
  BOOST_TEST(full.value().password == "p:ss");
  BOOST_TEST(full.value().host == "::1");
  BOOST_TEST(full.value().port == "4333");
  BOOST_TEST(parse_server_url("nats://token@h").value().token == "token");
  BOOST_TEST(parse_server_url("tls://h").value().tls);
  BOOST_TEST(!parse_server_url("http://h"));
  BOOST_TEST(!parse_server_url("nats://"));
}

BOOST_AUTO_TEST_CASE(the_connect_line_leaves_out_what_is_empty_and_escapes_the_rest) {
  const std::string line = wire::connect_line({"a \"b\"", "", "", "secret"});
  BOOST_TEST(line.find(R"("name":"a \"b\"")") != std::string::npos);
  BOOST_TEST(line.find("\"user\"") == std::string::npos);
  BOOST_TEST(line.find(R"("auth_token":"secret")") != std::string::npos);
  BOOST_TEST(line.ends_with("}\r\n"));
}

BOOST_AUTO_TEST_SUITE_END()
