// What webhooks meet besides a friendly server.
#define BOOST_TEST_MODULE executor_http
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <ctime>

#include "tests/support/executor_fixture.hpp"

using namespace fraiseql;
using namespace fraiseql::test;
using namespace std::chrono_literals;
using Answer = WebhookReceiver::Answer;

namespace {

struct Http : ExecutorFixture {
  /// One header of the letter of that observer; "-" when there is no letter.
  std::string letter(const std::vector<StoredMessage>& all, const std::string& observer, const std::string& header) {
    for (const auto& message : all)
      if (message.header("Fraiseql-Dlq-Observer") == observer) return std::string(message.header(header));
    return "-";
  }
};

/// A port that takes connections into its backlog, and nobody reads them.
struct SilentPort {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int port = 0;
  SilentPort() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    BOOST_REQUIRE(bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0);
    BOOST_REQUIRE(listen(fd, 16) == 0);
    BOOST_REQUIRE(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port = ntohs(address.sin_port);
  }
  ~SilentPort() { close(fd); }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(every_status_is_done_tried_again_or_failed, Http) {
  const std::map<int, std::size_t> tries = {{200, 1}, {201, 1}, {202, 1}, {204, 1}, {299, 1}, {300, 1}, {301, 1}, {303, 1}, {307, 1},
                                            {308, 1}, {400, 1}, {401, 1}, {403, 1}, {405, 1}, {408, 3}, {409, 1}, {410, 1}, {413, 1},
                                            {422, 1}, {425, 1}, {429, 3}, {451, 1}, {500, 3}, {501, 3}, {502, 3}, {503, 3}, {504, 3}, {599, 3}};
  for (const auto& [status, expected] : tries) {
    const std::string name = "S" + std::to_string(status);
    receiver.answer("/" + name, {{status, "", {{"Location", receiver.url("/target")}}}});
    config.observers += webhook(name, receiver.url("/" + name), name);
    publish({.entity = name});
  }
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(tries.size()); }));
  const auto all = letters();
  for (const auto& [status, expected] : tries) {
    const std::string name = "S" + std::to_string(status);
    BOOST_TEST_CONTEXT(name) {
      BOOST_TEST(receiver.requests("/" + name).size() == expected);
      BOOST_TEST(letter(all, name, "Fraiseql-Dlq-Http-Status") == (status < 300 ? "-" : std::to_string(status)));
    }
  }
  BOOST_TEST(letter(all, "S410", "Fraiseql-Dlq-Error").find("gone") != std::string::npos);
  BOOST_TEST(receiver.requests("/target").empty());
}

BOOST_FIXTURE_TEST_CASE(an_answer_that_asks_to_wait_is_given_that_time_but_no_more_than_the_longest_pause, Http) {
  const auto in = [](int seconds) {
    const std::time_t then = std::time(nullptr) + seconds;
    char text[64];
    std::tm parts{};
    gmtime_r(&then, &parts);
    std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    return std::string(text);
  };
  receiver.answer("/Seconds", {{429, "", {{"Retry-After", "2"}}}, {200}});
  receiver.answer("/Date", {{503, "", {{"Retry-After", in(600)}}}, {200}});
  receiver.answer("/Past", {{503, "", {{"Retry-After", in(-600)}}}, {200}});
  receiver.answer("/Nonsense", {{429, "", {{"Retry-After", "soon"}}}, {200}});
  const std::string retry = "max_attempts = 3\ninitial_delay_ms = 20\nmax_delay_ms = 3000\n";
  for (const char* name : {"Seconds", "Date", "Past", "Nonsense"}) {
    config.observers += webhook(name, receiver.url(std::string("/") + name), name, "", retry);
    publish({.entity = name});
  }
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(4); }));
  const auto pause = [&](const std::string& path) {
    const auto requests = receiver.requests(path);
    BOOST_REQUIRE(requests.size() == 2u);
    return requests[1].at - requests[0].at;
  };
  BOOST_TEST((pause("/Seconds") >= 2s));
  BOOST_TEST((pause("/Date") >= 3s));  // ten minutes, cut at max_delay_ms: else it would not have come
  BOOST_TEST((pause("/Past") < 2s));
  BOOST_TEST((pause("/Nonsense") < 2s));
  BOOST_TEST(letters().empty());
}

BOOST_FIXTURE_TEST_CASE(silence_and_a_closed_port_are_tried_again_and_then_a_letter_without_a_status, Http) {
  const SilentPort silent;
  config.observers = webhook("silent", "http://127.0.0.1:" + std::to_string(silent.port) + "/", "Silent", "timeout_secs = 1") +
                     webhook("closed", "http://127.0.0.1:" + std::to_string(free_port()) + "/", "Closed") +
                     webhook("nowhere", "http://no-such-host.invalid/", "Nowhere");
  for (const char* entity : {"Silent", "Closed", "Nowhere"}) publish({.entity = entity});
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(3); }, 60s));
  const auto all = letters();
  for (const char* name : {"silent", "closed", "nowhere"}) {
    BOOST_TEST(letter(all, name, "Fraiseql-Dlq-Attempts") == "3", name);
    BOOST_TEST(letter(all, name, "Fraiseql-Dlq-Http-Status") == "", name);
  }
}

BOOST_FIXTURE_TEST_CASE(a_certificate_that_nobody_vouches_for_fails_at_once_and_nothing_is_sent, Http) {
  const TempDir directory;
  const std::string key = (directory / "key.pem").string(), certificate = (directory / "cert.pem").string();
  const auto made = run({"openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext",
                         "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate});
  BOOST_REQUIRE(made.status == 0);
  const std::string port = std::to_string(free_port());
  Child tls({"openssl", "s_server", "-accept", "127.0.0.1:" + port, "-key", key, "-cert", certificate, "-quiet"},
            {.environment = {}, .user = "", .directory = "", .keep_output = true, .use_stdin = true});
  BOOST_REQUIRE(eventually([&] {
    try {
      const RawConnection connection(std::atoi(port.c_str()));
      return true;
    } catch (const std::exception&) {
      return false;
    }
  }));
  config.observers = webhook("tls", "https://127.0.0.1:" + port + "/hook");
  publish();
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(1); }));
  const auto all = letters();
  BOOST_TEST(letter(all, "tls", "Fraiseql-Dlq-Attempts") == "1");
  BOOST_TEST(letter(all, "tls", "Fraiseql-Dlq-Error").find("certificate") != std::string::npos);
  BOOST_TEST(tls.out().find("POST") == std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(a_kept_connection_that_is_closed_instead_of_an_answer_is_a_failed_try_and_not_sent_again_unasked, Http) {
  receiver.answer("/hook", {{200}, {200, "", {}, 0ms, Answer::How::reset}, {200}});
  config.max_concurrency = config.max_per_host = 1;
  config.observers = webhook("hook", receiver.url("/hook"), "*", "", "max_attempts = 1");
  publish();
  publish();
  publish();
  Child executor = start();
  BOOST_REQUIRE(eventually([&] { return settled(3); }));
  BOOST_TEST(receiver.requests().size() == 3u);
  const auto all = letters();
  BOOST_REQUIRE(all.size() == 1u);
  BOOST_TEST(all[0].header("Fraiseql-Dlq-Error") == "the connection was closed before an answer came");
  BOOST_TEST(all[0].header("Fraiseql-Dlq-Attempts") == "1");
}
