#define BOOST_TEST_MODULE executor_mail
#include <boost/test/unit_test.hpp>

#include <csignal>
#include <regex>

#include "tests/support/executor_fixture.hpp"
#include "tests/support/smtp_server.hpp"
#include "tests/support/status_listener.hpp"

using namespace fraiseql;
using namespace fraiseql::test;
using namespace std::chrono_literals;
using Tls = SmtpServer::Options::Tls;

namespace {

struct MailFixture : ExecutorFixture {
  MailFixture() {
    environment.environment["TEST_SMTP_USER"] = "shop";
    environment.environment["TEST_SMTP_PASSWORD"] = "s3cret";
  }

  void email_table(const SmtpServer& server, const std::string& tls = "none", const std::string& more = "") {
    table = "[email]\nhost = \"127.0.0.1\"\nport = " + std::to_string(server.port()) +
            "\nfrom = \"The Shop <shop@example.org>\"\ntls = \"" + tls + "\"\n" + more;
  }
  static constexpr const char* with_password = "username_env = \"TEST_SMTP_USER\"\npassword_env = \"TEST_SMTP_PASSWORD\"\n";

  void observer(const std::string& name, const std::string& entity, const std::string& action,
                const std::string& retry = "max_attempts = 3\ninitial_delay_ms = 20\n") {
    observers += "[[observers]]\nname = \"" + name + "\"\nentity = \"" + entity +
                 "\"\n[[observers.actions]]\ntype = \"email\"\n" + action + "\n[observers.retry]\n" + retry + "\n";
  }
  void simple(const std::string& name, const std::string& entity, const std::string& to, const std::string& more = "") {
    observer(name, entity, "to = \"" + to + "\"\nsubject = \"Hello\"\nbody_template = \"text\"\n" + more);
  }
  Child start_mailing() {
    config.observers = table + observers + config.observers;
    return Child(command(), environment);
  }
  StoredMessage letter_of(const std::string& name) {
    for (const auto& letter : letters())
      if (letter.header("Fraiseql-Dlq-Observer") == name) return letter;
    return {};
  }

  std::string table, observers;
  Child::Options environment;
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_mail_arrives_as_the_templates_say, MailFixture) {
  SmtpServer server;
  email_table(server);
  observer(
      "order", "Order",
      "to_template = '{{ customer }} <{{ email }}>, archive@example.org'\nsubject_template = \"Bestellung {{ name }}\"\n"
      "body_template = \"\"\"Grüße {{ name }},\n.\nTotal = {{ total }}\n{{ long }}\n\"\"\"\nreply_to = \"help@example.org\"\n");
  const std::string lengthy(3000, 'x');
  const std::string id =
      publish({.data = R"({"customer":"Müller, Jörg","email":"joerg@example.net","name":"Tür \"1\" 😀","total":100.00,"long":")" +
                       lengthy + "\"}"});
  Child executor = start_mailing();
  BOOST_REQUIRE(eventually([&] { return settled(1); }));
  BOOST_TEST(letters().empty());
  BOOST_REQUIRE(server.mails().size() == 1u);
  const auto mail = server.mails()[0];
  BOOST_TEST(mail.from == "shop@example.org");
  BOOST_TEST(mail.to == (std::vector<std::string>{"joerg@example.net", "archive@example.org"}), boost::test_tools::per_element());
  BOOST_TEST(mail.subject == "Bestellung Tür \"1\" 😀");
  BOOST_TEST(mail.body == "Grüße Tür \"1\" 😀,\r\n.\r\nTotal = 100.00\r\n" + lengthy + "\r\n");
  BOOST_TEST(mail.reply_to == "help@example.org");
  BOOST_TEST(mail.event_id == id);
  BOOST_TEST(mail.message_id == "<" + id + ".order.1@example.org>");
  BOOST_TEST(mail.auto_submitted == "auto-generated");
  BOOST_TEST(!mail.pk.empty());
  std::size_t longest = 0, begin = 0;
  for (std::size_t at = mail.raw.find("\r\n"); at != std::string::npos; begin = at + 2, at = mail.raw.find("\r\n", begin))
    longest = std::max(longest, at - begin);
  BOOST_TEST(longest <= 78u);
}

BOOST_FIXTURE_TEST_CASE(a_value_adds_no_receiver, MailFixture) {
  SmtpServer server;
  email_table(server);
  observer("order", "Order", "to_template = '{{ name }} <{{ email }}>'\nsubject = \"Hello\"\nbody_template = \"x\"\n");
  observer("plain", "Order", "to_template = '{{ email }}'\nsubject = \"Hello\"\nbody_template = \"x\"\n");
  publish({.data = R"({"name":"Ann","email":"ann@example.net, eve@example.org"})"});
  publish({.data = R"({"name":"Ann> , Eve <eve@example.org","email":"ann@example.net"})"});
  Child executor = start_mailing();
  BOOST_REQUIRE(eventually([&] { return settled(2); }));
  BOOST_REQUIRE(server.mails().size() == 2u);  // both of the second event
  for (const auto& mail : server.mails())
    BOOST_TEST(mail.to == (std::vector<std::string>{"ann@example.net"}), boost::test_tools::per_element());
  BOOST_TEST(letters().size() == 2u);
  BOOST_TEST(letter_of("plain").header("Fraiseql-Dlq-Error") == "to: a value holds several mail addresses where one belongs");
}

BOOST_FIXTURE_TEST_CASE(no_value_of_an_event_becomes_a_header_or_a_command, MailFixture) {
  SmtpServer server;
  email_table(server);
  observer("evil", "Order",
           "to_template = \"{{ email }}\"\nsubject_template = \"{{ subject_text }}\"\nbody_template = \"{{ body }}\"\n");
  publish(
      {.data =
           R"({"email":"a@example.org","subject_text":"x\r\nBcc: victim@example.org\r\n\r\nboo","body":"a\r\n.\r\nQUIT\r\nb"})"});
  publish({.data = R"({"email":"a@example.org>\r\nRCPT TO:<victim@example.org","subject_text":"x","body":"b"})"});
  publish({.data = R"({"email":"","subject_text":"x","body":"b"})"});
  Child executor = start_mailing();
  BOOST_REQUIRE(eventually([&] { return settled(3); }));
  BOOST_REQUIRE(server.mails().size() == 1u);
  const auto mail = server.mails()[0];
  BOOST_TEST(mail.to.size() == 1u);
  BOOST_TEST(mail.raw.find("\r\nBcc:") == std::string::npos);
  BOOST_TEST(mail.body == "a\r\n.\r\nQUIT\r\nb\r\n");
  BOOST_REQUIRE(letters().size() == 2u);
  for (const auto& letter : letters()) {
    BOOST_TEST(letter.header("Fraiseql-Dlq-Attempts") == "1");
    BOOST_TEST(letter.header("Fraiseql-Dlq-Error").find("mail address") != std::string_view::npos);
  }
}

BOOST_FIXTURE_TEST_CASE(what_is_refused_for_now_is_tried_again_and_what_is_refused_for_good_is_a_dead_letter, MailFixture) {
  SmtpServer server;
  StatusListener status(status_endpoint());
  email_table(server);
  simple("later", "Later", "later@example.org, other@example.org");
  simple("always", "Always", "later-always@example.org");
  simple("no", "No", "other@example.org, no@example.org");
  simple("full", "Full", "full@example.org");
  for (const char* entity : {"Later", "Always", "No", "Full"}) publish({.entity = entity});
  Child executor = start_mailing();
  BOOST_REQUIRE(eventually([&] { return settled(4); }));
  // One mail to both, after the second try; nobody gets a mail that one of its receivers cannot get.
  BOOST_REQUIRE(server.mails().size() == 1u);
  BOOST_TEST(server.mails()[0].to.size() == 2u);
  BOOST_TEST(letters().size() == 3u);
  BOOST_TEST(letter_of("always").header("Fraiseql-Dlq-Error") == "SMTP 451 4.7.1 greylisted, come again");
  BOOST_TEST(letter_of("always").header("Fraiseql-Dlq-Attempts") == "3");
  BOOST_TEST(letter_of("no").header("Fraiseql-Dlq-Error") == "SMTP 550 5.1.1 no such user");
  BOOST_TEST(letter_of("no").header("Fraiseql-Dlq-Attempts") == "1");
  BOOST_TEST(letter_of("full").header("Fraiseql-Dlq-Error") == "SMTP 552 5.2.2 mailbox full");
  const auto counter = [&](const char* name, const Labels& labels) {
    return status.counter("fraiseql_observer_" + std::string(name), labels);
  };
  BOOST_TEST(eventually([&] { return counter("events_processed_total", {}) == 4; }));
  BOOST_TEST(counter("action_executed_total", {{"action_type", "email"}}) == 7u);
  BOOST_TEST(counter("action_errors_total", {{"action_type", "email"}, {"error_type", "smtp"}}) == 6u);
  BOOST_TEST(counter("events_failed_total", {{"error_type", "smtp"}}) == 3u);
  BOOST_TEST(counter("events_retried_total", {}) == 3u);
}

BOOST_FIXTURE_TEST_CASE(a_mail_server_that_is_away_gets_the_mail_when_it_is_back, MailFixture) {
  SmtpServer server;
  email_table(server);
  observer("patient", "*", "to = \"a@example.org\"\nsubject = \"Hello\"\nbody_template = \"{{ n }}\"\n",
           "max_attempts = 60\nbackoff_strategy = \"fixed\"\ninitial_delay_ms = 500\n");
  publish();
  Child executor = start_mailing();
  BOOST_REQUIRE(eventually([&] { return settled(1); }));
  server.kill();
  const std::string second = publish();
  BOOST_TEST(eventually([&] { return messages(stream) == 2 && unsettled() == 1; }));
  server.start();
  BOOST_REQUIRE(eventually([&] { return settled(2); }));
  BOOST_TEST(letters().empty());
  BOOST_REQUIRE(server.mails().size() == 2u);
  BOOST_TEST(server.mails()[1].event_id == second);
}

BOOST_FIXTURE_TEST_CASE(many_mails_share_few_connections, MailFixture) {
  SmtpServer server;
  config.max_per_host = 2;
  email_table(server);
  simple("many", "*", "a@example.org");
  for (int i = 0; i < 40; ++i) publish();
  Child executor = start_mailing();
  BOOST_REQUIRE(eventually([&] { return settled(40); }));
  BOOST_TEST(server.mails().size() == 40u);
  BOOST_TEST(server.connections() <= 2u);
}

BOOST_FIXTURE_TEST_CASE(starttls_encrypts_before_the_password_is_said, MailFixture) {
  SmtpServer server({Tls::starttls, "shop", "s3cret"});
  environment.environment["SSL_CERT_FILE"] = server.ca_file();
  email_table(server, "starttls", with_password);
  simple("safe", "*", "a@example.org");
  publish();
  Child executor = start_mailing();
  BOOST_REQUIRE(eventually([&] { return settled(1); }));
  BOOST_REQUIRE(server.mails().size() == 1u);
  BOOST_TEST(server.mails()[0].encrypted);
  BOOST_TEST(server.mails()[0].user == "shop");
}

BOOST_FIXTURE_TEST_CASE(tls_from_the_first_byte_works_too, MailFixture) {
  SmtpServer server({Tls::tls, "", ""});
  environment.environment["SSL_CERT_FILE"] = server.ca_file();
  email_table(server, "tls");
  simple("safe", "*", "a@example.org");
  publish();
  Child executor = start_mailing();
  BOOST_REQUIRE(eventually([&] { return settled(1); }));
  BOOST_REQUIRE(server.mails().size() == 1u);
  BOOST_TEST(server.mails()[0].encrypted);
}

BOOST_FIXTURE_TEST_CASE(a_certificate_that_nobody_vouches_for_gets_no_mail, MailFixture) {
  SmtpServer server({Tls::starttls, "", ""});
  email_table(server, "starttls");
  simple("unsafe", "*", "a@example.org");
  publish();
  Child executor = start_mailing();
  BOOST_REQUIRE(eventually([&] { return settled(1); }));
  BOOST_TEST(server.mails().empty());
  BOOST_TEST(letter_of("unsafe").header("Fraiseql-Dlq-Attempts") == "1");
  BOOST_TEST(letter_of("unsafe").header("Fraiseql-Dlq-Error").find("certificate") != std::string_view::npos);
}

BOOST_FIXTURE_TEST_CASE(a_server_without_starttls_gets_no_mail_in_clear_text, MailFixture) {
  SmtpServer server;
  email_table(server, "starttls");
  simple("clear", "*", "a@example.org");
  publish();
  Child executor = start_mailing();
  BOOST_REQUIRE(eventually([&] { return settled(1); }));
  BOOST_TEST(server.mails().empty());
  BOOST_TEST(letter_of("clear").header("Fraiseql-Dlq-Attempts") == "1");
}

BOOST_FIXTURE_TEST_CASE(a_wrong_password_is_final_and_never_shown, MailFixture) {
  SmtpServer server({Tls::none, "shop", "another"});
  email_table(server, "none", with_password);
  simple("login", "*", "a@example.org");
  publish();
  Child executor = start_mailing();
  BOOST_REQUIRE(eventually([&] { return settled(1); }));
  BOOST_TEST(server.mails().empty());
  BOOST_TEST(letter_of("login").header("Fraiseql-Dlq-Attempts") == "1");
  BOOST_TEST(letter_of("login").header("Fraiseql-Dlq-Error").find("535") != std::string_view::npos);
  BOOST_TEST(executor.err().find("s3cret") == std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(a_hanging_mail_server_times_out_and_holds_no_webhook_up, MailFixture) {
  SmtpServer server;
  config.max_per_host = 4;
  config.max_concurrency = 8;
  email_table(server);
  observer("hangs", "Slow", "to = \"stall@example.org\"\nsubject = \"x\"\nbody_template = \"x\"\ntimeout_secs = 2\n",
           "max_attempts = 1\n");
  config.observers = webhook("works", receiver.url("/works"), "Quick");
  for (int i = 0; i < 4; ++i) publish({.entity = "Slow"});
  for (int i = 0; i < 100; ++i) publish({.entity = "Quick"});
  Child executor = start_mailing();
  BOOST_REQUIRE(eventually([&] { return receiver.requests("/works").size() == 100; }));
  BOOST_TEST(letters().empty());  // the mails still hang
  BOOST_REQUIRE(eventually([&] { return settled(104); }));
  BOOST_TEST(letters().size() == 4u);
  BOOST_TEST(server.mails().empty());
}

BOOST_FIXTURE_TEST_CASE(a_stop_ends_in_time_while_a_mail_hangs_and_hands_the_message_back, MailFixture) {
  SmtpServer server;
  config.shutdown_timeout = "1s";
  email_table(server);
  simple("hangs", "*", "stall@example.org", "timeout_secs = 50");
  publish();
  Child executor = start_mailing();
  BOOST_REQUIRE(eventually([&] { return server.connections() == 1; }));
  const auto begin = std::chrono::steady_clock::now();
  executor.signal(SIGTERM);
  BOOST_TEST(executor.wait() == 0);
  BOOST_TEST((std::chrono::steady_clock::now() - begin < 5s));
  BOOST_TEST(unsettled() == 1u);
  BOOST_TEST(letters().empty());
}

BOOST_FIXTURE_TEST_CASE(check_tells_of_a_mail_server_that_cannot_be_used, MailFixture) {
  SmtpServer server({Tls::none, "shop", "another"});
  email_table(server, "none", with_password);
  simple("login", "*", "a@example.org");
  config.observers = table + observers;
  auto line = command();
  line.push_back("--check");
  const Finished wrong = run(line, environment);
  BOOST_TEST(wrong.status == 1);
  BOOST_TEST(wrong.out.find("smtp 127.0.0.1:" + std::to_string(server.port()) + ": SMTP 535") != std::string::npos, wrong.out);
  environment.environment["TEST_SMTP_PASSWORD"] = "another";
  const Finished right = run(line, environment);
  BOOST_TEST(right.out.find("smtp") == std::string::npos, right.out);
}
