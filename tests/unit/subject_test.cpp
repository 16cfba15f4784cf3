#include "common/subject.hpp"

#include <boost/test/unit_test.hpp>
#include <string>

using namespace fraiseql;

BOOST_AUTO_TEST_SUITE(subject)

BOOST_AUTO_TEST_CASE(letters_digits_underscore_and_dash_stand_for_themselves) {
  const std::string plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
  BOOST_TEST(*entity_token(plain) == plain);
}

BOOST_AUTO_TEST_CASE(every_other_byte_is_percent_encoded) {
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    if (plain) continue;
    char wanted[4];
    std::snprintf(wanted, sizeof wanted, "%%%02X", static_cast<unsigned>(byte));
    BOOST_TEST(*entity_token(std::string_view(&c, 1)) == wanted);
  }
  BOOST_TEST(*entity_token("Order Line") == "Order%20Line");
  BOOST_TEST(*entity_token("a.b*c>d") == "a%2Eb%2Ac%3Ed");
  BOOST_TEST(*entity_token("100%") == "100%25");
  BOOST_TEST(*entity_token("a\r\nPUB x") == "a%0D%0APUB%20x");
  BOOST_TEST(*entity_token("\xF0\x9F\x8D\x93") == "%F0%9F%8D%93");
}

BOOST_AUTO_TEST_CASE(an_empty_entity_is_an_underscore) { BOOST_TEST(*entity_token("") == "_"); }

BOOST_AUTO_TEST_CASE(a_token_has_at_most_200_bytes_after_encoding) {
  BOOST_TEST(entity_token(std::string(200, 'a'))->size() == 200u);
  BOOST_TEST(!entity_token(std::string(201, 'a')));
  BOOST_TEST(entity_token(std::string(66, ' ') + "ab")->size() == 200u);
  BOOST_TEST(!entity_token(std::string(67, ' ')));
  BOOST_TEST(!entity_token(std::string(1 << 20, '.')));
}

BOOST_AUTO_TEST_CASE(verbs_are_matched_in_any_case_and_others_are_custom) {
  for (const char* verb : {"INSERT", "insert", "Insert", "iNSERT"}) BOOST_TEST(to_string(parse_operation(verb)) == "INSERT");
  for (const char* verb : {"UPDATE", "update"}) BOOST_TEST(to_string(parse_operation(verb)) == "UPDATE");
  for (const char* verb : {"DELETE", "delete"}) BOOST_TEST(to_string(parse_operation(verb)) == "DELETE");
  for (const char* verb : {"CUSTOM", "NOOP", "READ", "", "INSERT ", "UPSERT", "INSERTED"}) BOOST_TEST(to_string(parse_operation(verb)) == "CUSTOM");
}

BOOST_AUTO_TEST_SUITE_END()
