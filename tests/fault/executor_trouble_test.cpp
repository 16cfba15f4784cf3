// Messages, processes and rights that go wrong under executors.
#define BOOST_TEST_MODULE executor_trouble
#include <signal.h>

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <list>
#include <set>

#include "tests/support/executor_fixture.hpp"

using namespace fraiseql;
using namespace fraiseql::test;
using namespace std::chrono_literals;
using Answer = WebhookReceiver::Answer;

namespace {

struct Trouble : ExecutorFixture {
  using ExecutorFixture::ExecutorFixture;

  /// Nothing more of `path` is asked for in three times ack_wait.
  bool nothing_new(const std::string& path) {
    const auto until = std::chrono::steady_clock::now() + 3s;
    const std::size_t so_far = receiver.requests(path).size();
    return !eventually([&] { return receiver.requests(path).size() > so_far && std::chrono::steady_clock::now() < until; }, 3s);
  }

  /// An event that fails for good and ten that would come through, while no letter can be written; then the repair.
  void letters_wait_for(const std::function<void()>& breaks, const std::function<void()>& repairs) {
    config.ack_wait_secs = 1;
    config.max_concurrency = config.max_per_host = 1;
    receiver.answer("/Bad", {{404}});
    config.observers = webhook("bad", receiver.url("/Bad"), "Bad") + webhook("good", receiver.url("/Good"), "Good");
    start_healthd();
    Child executor = start();
    publish({.entity = "Good"});
    BOOST_REQUIRE(eventually([&] { return settled(1); }));
    breaks();
    const auto wait_for_the_server = [&](const std::string& entity) {
      BOOST_REQUIRE(eventually([&] {
        try {
          publish({.entity = entity});
          return true;
        } catch (const std::exception&) {
          return false;
        }
      }));
    };
    wait_for_the_server("Bad");
    BOOST_REQUIRE(eventually([&] { return executor.err().find("a dead letter cannot be written") != std::string::npos; }));
    for (int i = 0; i < 10; ++i) publish({.entity = "Good"});
    BOOST_TEST(eventually([&] { return health_has("\"status\":\"degraded\"") && health_has("a dead letter cannot be written"); }));
    BOOST_TEST(nothing_new("/Good"));
    repairs();
    BOOST_REQUIRE(eventually([&] {
      try {
        return settled(12);
      } catch (const std::exception&) {
        return false;
      }
    }, 60s));
    BOOST_TEST(receiver.requests("/Bad").size() == 1u);
    BOOST_TEST(receiver.requests("/Good").size() == 11u);
    BOOST_TEST(letters().size() == 1u);
    BOOST_TEST(eventually([&] { return !health_has("a dead letter cannot be written"); }));
    executor.signal(SIGTERM);
    BOOST_TEST(executor.wait() == 0);
  }
};

/// A server with users whose rights a test may change.
struct GuardedServer {
  TempDir directory;
  NatsServer server{{"-c", written({})}};
  std::string user_url = "nats://executor:secret@127.0.0.1:" + std::to_string(server.port());
  std::string test_url = "nats://test:secret@127.0.0.1:" + std::to_string(server.port());

  std::string written(const std::string& denied) {
    return directory
        .file("nats.conf", "authorization { users = [ {user: test, password: secret}, {user: executor, password: secret" +
                               (denied.empty() ? std::string() : ", permissions: {publish: {deny: [\"" + denied + "\"]}}") + "} ] }\n")
        .string();
  }
  void deny(const std::string& subject) {
    server.kill();
    written(subject);
    server.start();
  }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_letter_without_room_for_its_bytes_is_held_and_written_once_after_the_repair, Trouble) {
  const auto limit = [&](const std::string& bytes) {
    BOOST_REQUIRE(!api("STREAM.UPDATE." + stream + "_dlq", R"({"name":")" + stream + R"(_dlq","subjects":[")" + dlq_prefix +
                                                               R"(.>"],"retention":"limits","storage":"file","discard":"new","max_age":0,"max_msgs":-1,"duplicate_window":86400000000000,"max_bytes":)" +
                                                               bytes + "}")
                       .failed());
  };
  letters_wait_for([&] { limit("64"); }, [&] { limit("-1"); });
}

BOOST_FIXTURE_TEST_CASE(a_letter_whose_stream_was_deleted_and_may_not_be_made_is_held_and_written_once_when_it_is_back, Trouble) {
  {
    Child operators = start();
    BOOST_REQUIRE(eventually([&] { return operators.err().find("session open") != std::string::npos && consumer_exists() && !api("CONSUMER.INFO." + stream + "_advisories." + consumer).failed(); }));
    operators.signal(SIGTERM);
    BOOST_REQUIRE(operators.wait() == 0);
  }
  config.manage = false;
  letters_wait_for([&] { BOOST_REQUIRE(!api("STREAM.DELETE." + stream + "_dlq").failed()); },
                   [&] {
                     BOOST_REQUIRE(!api("STREAM.CREATE." + stream + "_dlq", R"({"name":")" + stream + R"(_dlq","subjects":[")" + dlq_prefix +
                                                                                R"(.>"],"retention":"limits","storage":"file","discard":"new","max_age":0,"max_msgs":-1,"duplicate_window":86400000000000})")
                                        .failed());
                   });
}

BOOST_FIXTURE_TEST_CASE(a_letter_stream_that_was_deleted_is_made_anew_and_gets_the_letter, Trouble) {
  receiver.answer("/", {{404}});
  config.observers = webhook("bad", receiver.url("/"));
  Child executor = start();
  publish();
  BOOST_REQUIRE(eventually([&] { return settled(1); }));
  BOOST_REQUIRE(!api("STREAM.DELETE." + stream + "_dlq").failed());
  publish();
  BOOST_REQUIRE(eventually([&] { return settled(2); }));
  BOOST_TEST(letters().size() == 1u);
  BOOST_TEST(receiver.requests().size() == 2u);
}

BOOST_AUTO_TEST_CASE(a_letter_that_the_server_does_not_permit_is_held_and_written_once_when_it_does) {
  GuardedServer guarded;
  Trouble trouble(guarded.server, guarded.test_url);
  trouble.config.nats_url = guarded.user_url;
  trouble.letters_wait_for([&] { guarded.deny(trouble.dlq_prefix + ".>"); }, [&] { guarded.deny(""); });
}

BOOST_FIXTURE_TEST_CASE(a_frozen_executor_does_not_do_afterwards_what_it_had_not_begun, Trouble) {
  config.ack_wait_secs = 1;
  config.max_concurrency = config.max_per_host = 2;
  receiver.answer("/frozen", {{200, "", {}, 800ms}});
  config.observers = webhook("hook", receiver.url("/frozen"));
  // Ten entities' lines and some without: begun, waiting for a slot, and waiting for an earlier change.
  for (int i = 0; i < 30; ++i) publish({.entity_id = i % 3 == 0 ? "" : std::to_string(i % 10)});
  Child frozen = start();
  BOOST_REQUIRE(eventually([&] {
    return receiver.open_requests() == 2 && number("CONSUMER.INFO." + stream + "." + consumer, {"num_ack_pending"}) >= 4;
  }));
  frozen.signal(SIGSTOP);
  BOOST_REQUIRE(eventually([&] { return receiver.open_requests() == 0; }));
  const std::size_t begun = receiver.requests("/frozen").size();
  config.observers = webhook("hook", receiver.url("/other"));
  Child other = start();
  BOOST_REQUIRE(eventually([&] { return ids(receiver.requests()).size() == 30; }, 60s));
  frozen.signal(SIGCONT);
  BOOST_REQUIRE(eventually([&] { return settled(30); }));
  BOOST_TEST(eventually([&] { return frozen.err().find("others do what this process had not begun") != std::string::npos; }));
  BOOST_TEST(receiver.requests("/frozen").size() == begun);
  // Done twice at most: what it was frozen in.
  BOOST_TEST(receiver.requests().size() <= 32u);
  // And it works on.
  other.kill();
  publish();
  BOOST_TEST(eventually([&] { return settled(31); }, 60s));
  BOOST_TEST(receiver.requests("/frozen").size() == begun + 1);
}

BOOST_FIXTURE_TEST_CASE(a_message_that_kills_every_one_of_three_executors_ends_as_a_letter_and_all_others_flow, Trouble) {
  config.ack_wait_secs = 2;
  struct Running {
    std::string path;
    Child child;
  };
  int number = 0;
  const auto begin = [&] {
    const std::string path = "/p" + std::to_string(++number) + "/";
    receiver.answer(path + "poison", {{200, "", {}, 120s}});
    config.observers = webhook("poison", receiver.url(path + "poison"), "Poison") + webhook("good", receiver.url(path + "good"), "Good");
    return Running{path, start()};
  };
  std::list<Running> running;
  for (int i = 0; i < 3; ++i) running.push_back(begin());
  BOOST_REQUIRE(eventually([&] { return consumer_exists(); }));
  std::set<std::string> good;
  for (int i = 0; i < 20; ++i) good.insert(publish({.entity = "Good", .entity_id = std::to_string(i % 4)}));
  const std::string poison = publish({.entity = "Poison"});
  for (int i = 0; i < 40; ++i) good.insert(publish({.entity = "Good", .entity_id = std::to_string(i % 4)}));
  std::size_t killed = 0;
  BOOST_REQUIRE(eventually(
      [&] {
        for (auto at = running.begin(); at != running.end(); ++at) {
          if (receiver.requests(at->path + "poison").empty()) continue;
          running.erase(at);  // SIGKILL
          ++killed;
          running.push_back(begin());
          break;
        }
        return !letters().empty();
      },
      120s));
  BOOST_TEST(killed == 5u);  // three deliveries, and two tries alone
  BOOST_TEST(eventually([&] {
    std::set<std::string> done;
    for (const auto& request : receiver.requests())
      if (request.path.ends_with("good")) done.insert(request.headers.at("webhook-id"));
    return done == good;
  }, 60s));
  BOOST_TEST(eventually([&] { return unsettled() == 0 && messages(stream + "_advisories") == 0; }, 60s));
  const auto all = letters();
  BOOST_REQUIRE(all.size() == 1u);
  BOOST_TEST(all[0].header("Fraiseql-Dlq-Reason") == "max_deliveries");
  BOOST_TEST(all[0].header("Fraiseql-Event-Id") == poison);
}

BOOST_AUTO_TEST_CASE(progress_is_not_forgotten_before_the_ack_is_sent) {
  GuardedServer guarded;
  Trouble fixture(guarded.server, guarded.test_url);
  fixture.config.nats_url = guarded.user_url;
  fixture.config.ack_wait_secs = 2;
  fixture.receiver.answer("/second", {{200, "", {}, 1s}, {200}});
  fixture.config.observers = fixture.webhook("first", fixture.receiver.url("/first")) + fixture.webhook("second", fixture.receiver.url("/second"));
  fixture.publish();
  const auto settled = [&] {
    try {
      return fixture.settled(1);
    } catch (const std::exception&) {
      return false;
    }
  };
  {
    Child executor = fixture.start();
    BOOST_REQUIRE(eventually([&] { return fixture.receiver.open_requests() == 1 && fixture.receiver.requests("/second").size() == 1; }));
    // The server comes back, and does not tell the executor whether its consumer is still the same: the ack is kept back.
    guarded.deny("$JS.API.CONSUMER.INFO.>");
    BOOST_REQUIRE(eventually([&] { return executor.err().find("connected to NATS again") != std::string::npos; }));
    BOOST_REQUIRE(eventually([&] { return fixture.receiver.open_requests() == 0; }));
    BOOST_REQUIRE(eventually([&] { return executor.err().find("JetStream is not ready") != std::string::npos; }));
    executor.kill();
  }
  guarded.deny("");
  Child executor = fixture.start();
  BOOST_REQUIRE(eventually(settled, 60s));
  BOOST_TEST(fixture.receiver.requests("/first").size() == 1u);
  BOOST_TEST(fixture.receiver.requests("/second").size() == 2u);
}

BOOST_FIXTURE_TEST_CASE(a_hundred_messages_that_used_up_their_deliveries_in_one_process_are_all_tried_alone_and_done, Trouble) {
  config.ack_wait_secs = 1;
  config.max_deliver = 1;
  config.max_concurrency = config.max_per_host = 4;
  receiver.answer("/slow", {{200, "", {}, 60s}});
  config.observers = webhook("hook", receiver.url("/slow"));
  // Four entities: most of them wait for their turn, and none of those has been tried.
  std::set<std::string> made;
  for (int i = 0; i < 100; ++i) made.insert(publish({.entity_id = std::to_string(i % 4)}));
  {
    Child doomed = start();
    BOOST_REQUIRE(eventually([&] { return consumer_exists() && number("CONSUMER.INFO." + stream + "." + consumer, {"num_ack_pending"}) == 100; }));
    doomed.kill();
  }
  config.observers = webhook("hook", receiver.url("/quick"));
  Child one = start(), two = start();
  for (int i = 0; i < 20; ++i) made.insert(publish({.entity = "Other"}));  // ordinary work goes on between
  BOOST_TEST(eventually([&] { return ids(receiver.requests("/quick")) == made; }, 120s));
  BOOST_TEST(eventually([&] { return messages(stream + "_advisories") == 0 && unsettled() == 0; }, 60s));
  BOOST_TEST(receiver.requests("/quick").size() == 120u);
  BOOST_TEST(letters().empty());
  for (Child* child : {&one, &two}) {
    child->signal(SIGTERM);
    BOOST_TEST(child->wait() == 0);
  }
}
