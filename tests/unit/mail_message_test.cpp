#include <boost/test/unit_test.hpp>

#include "executor/actions/mail_message.hpp"

using namespace fraiseql;

BOOST_AUTO_TEST_SUITE(mail_message_text)

namespace {

Mail a_mail() {
  Mail mail;
  mail.from = {"", "shop@example.org"};
  mail.to = {{"", "a@example.org"}};
  mail.subject = "Hello";
  mail.body = "text";
  mail.event_id = "id-1";
  mail.observer = "o";
  return mail;
}

std::string listed(const std::string& text) {
  const auto all = parse_addresses(text);
  if (!all) return "error: " + all.error().what;
  std::string made;
  for (const auto& one : all.value()) made += "[" + one.name + "|" + one.address + "]";
  return made;
}

}  // namespace

BOOST_AUTO_TEST_CASE(addresses_come_alone_or_in_a_list_with_names_or_without) {
  BOOST_TEST(listed("a@example.org") == "[|a@example.org]");
  BOOST_TEST(listed(" a@x.org ,, Ann B <b@y.org> ") == "[|a@x.org][Ann B|b@y.org]");
  BOOST_TEST(listed(R"("Doe, \"J\"" <j@x.org>)") == "[Doe, \"J\"|j@x.org]");
  BOOST_TEST(listed("first.last+tag@sub.example.org") == "[|first.last+tag@sub.example.org]");
  BOOST_TEST(listed("a@[127.0.0.1]") == "[|a@[127.0.0.1]]");
}

BOOST_AUTO_TEST_CASE(what_smtp_would_read_otherwise_is_no_address) {
  for (const char* bad :
       {"", " , ", "a", "@x.org", "a@", "a b@x.org", "a@x.org>\r\nRCPT TO:<v@x.org", "a@x.org\r\nDATA", "<a@x.org", "a..b@x.org",
        ".a@x.org", "a@x..org", "a@-x.org@", "ä@x.org", "a@ä.org", "a@x.org b@x.org", "x <a@x.org> y", "\"unclosed, a@x.org"})
    BOOST_TEST(listed(bad).starts_with("error: "), bad);
  std::string many;
  for (int i = 0; i < 101; ++i) many += "a@x.org,";
  BOOST_TEST(listed(many).starts_with("error: more than 100"));
  BOOST_TEST(listed(std::string(65, 'a') + "@x.org").starts_with("error: "));
}

BOOST_AUTO_TEST_CASE(plain_short_text_stays_and_all_else_is_encoded_in_whole_characters) {
  BOOST_TEST(encoded_words("Your order 7") == "Your order 7");
  BOOST_TEST(encoded_words("a\r\nBcc: x").find("Bcc") == std::string::npos);
  BOOST_TEST(encoded_words("=?x").starts_with("=?UTF-8?B?"));
  BOOST_TEST(encoded_words("Grüße") == "=?UTF-8?B?R3LDvMOfZQ==?=");
  const std::string folded = encoded_words(std::string(38, 'x') + "€uro");
  BOOST_TEST(folded.find("?=\r\n =?UTF-8?B?4oKsdXJv") != std::string::npos, folded);
}

BOOST_AUTO_TEST_CASE(quoted_printable_keeps_lines_short_and_blanks_at_their_ends) {
  BOOST_TEST(quoted_printable("a=b\nc \nd\t\r\ne") == "a=3Db\r\nc=20\r\nd=09\r\ne");
  BOOST_TEST(quoted_printable("\r\n\n") == "\r\n\r\n");
  BOOST_TEST(quoted_printable("ü\r.") == "=C3=BC=0D.");
  BOOST_TEST(quoted_printable(std::string(80, 'x')) == std::string(75, 'x') + "=\r\nxxxxx");
}

BOOST_AUTO_TEST_CASE(the_same_event_observer_and_action_have_the_same_message_id_and_others_another) {
  const auto id = [](const Mail& mail) {
    const std::string text = mail_message(mail);
    const auto at = text.find("Message-ID: ");
    return text.substr(at, text.find("\r\n", at) - at);
  };
  Mail mail = a_mail();
  BOOST_TEST(id(mail) == "Message-ID: <id-1.o.1@example.org>");
  mail.now += std::chrono::hours(1);
  BOOST_TEST(id(mail) == id(a_mail()));
  mail.action = 2;
  BOOST_TEST(id(mail) != id(a_mail()));
  mail = a_mail();
  mail.event_id = "<x>\r\ny@" + std::string(70'000, 'x');
  BOOST_TEST(id(mail).size() < 250u);
  BOOST_TEST(id(mail).starts_with("Message-ID: <sha256-"));
}

BOOST_AUTO_TEST_CASE(no_text_breaks_out_of_its_header) {
  const std::string evil = "x\r\nBcc: v@x.org\r\n\r\nbody";
  Mail mail = a_mail();
  mail.subject = mail.event_id = mail.observer = mail.pk = evil;
  mail.from.name = mail.to[0].name = evil;
  const std::string text = mail_message(mail);
  BOOST_TEST(text.find("\nBcc") == std::string::npos);
  BOOST_TEST(text.find("\r\n\r\n") == text.rfind("\r\n\r\n"));
}

BOOST_AUTO_TEST_SUITE_END()
