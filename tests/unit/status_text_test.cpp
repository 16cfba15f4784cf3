#include "cli/status_text.hpp"

#include <boost/test/unit_test.hpp>

#include "cli/server_view.hpp"

using namespace fraiseql;

namespace {

const std::string from_healthd = R"({"status":"degraded","databases":{"primary":{"status":"ok"}},"observers":{"transport":"nats","connected":true,"stream":"s"},
"healthd":{"version":"1.2","started_at_ms":1000,"now_ms":181000},
"reasons":[{"level":"degraded","code":"silent","text":"executor e-2 is silent","command":"fraiseql check"}],
"rates":{"read":41,"published":41.25,"settled":3.14,"actions":80,"action_errors":0},"lag":{"events":12,"seconds":2.5},"backlog":7,
"dead_letters":{"kept":3,"dropped":0,"unpublishable":{"oversize":1},"failed":{"http_5xx":2,"network":0}},
"components":[{"component":"executor","instance":"e-1","host":"h","state":"running","reports":"in time","heard_seconds_ago":0.4,"problems":{},
"details":{"held":"5","running_actions":"2"},"leads":false,"rates":{"settled":3.14}},
{"component":"executor","instance":"e-2\u001b[31m\u009b2J","host":"h","state":"running","reports":"silent","heard_seconds_ago":12,"problems":{},"details":{},"leads":false,"rates":{}}]})";

bool holds(const std::string& text, const std::string& words) { return text.find(words) != std::string::npos; }

ServerView well() {
  ServerView view;
  view.transport = "nats";
  view.stream_name = "s";
  view.consumer_name = "c";
  view.reader_name = "pg_to_nats";
  view.no_healthd = "127.0.0.1:8080: refused";
  view.asked_postgres = view.asked_nats = true;
  view.reader.emplace();
  view.reader->schema = view.reader->known = view.reader->led = true;
  view.reader->cursor = 1041;
  view.reader->led_by = "pg2nats-bridge";
  view.stream.emplace();
  view.stream->messages = view.stream->last_seq = 1041;
  view.consumer.emplace();
  view.consumer->pulls = 1;
  view.letters = 0;
  return view;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(of_status_text)

BOOST_AUTO_TEST_CASE(it_tells_what_healthd_says) {
  const std::string text = status_text(from_healthd, 200, false);
  BOOST_TEST(text.starts_with("degraded  says healthd 1.2, which runs for 3 min\n"), text);
  for (const char* words : {"executor e-2 is silent\n", "next: fraiseql check\n", "PostgreSQL    ok, 12 rows wait, the oldest for 2.5 s\n", "41/s published, 3.1/s settled",
                            "3 kept, oversize 1, http_5xx 2\n", "running  executor", "silent", "5 held, 2 running"})
    BOOST_TEST(holds(text, words), words << " in " << text);
  BOOST_TEST(!holds(text, "network"));
  BOOST_TEST(!is_well(from_healthd));
  BOOST_TEST(is_well(R"({"status":"ok"})"));
}

BOOST_AUTO_TEST_CASE(nothing_that_a_terminal_obeys_comes_through) {
  const std::string text = status_text(from_healthd, 200, false);
  BOOST_TEST(!holds(text, "\x1b"));
  BOOST_TEST(!holds(text, "\xc2\x9b"));
  BOOST_TEST(holds(text, "e-2 [31m"));
  BOOST_TEST(holds(status_text(from_healthd, 200, true), "\x1b[1;33mdegraded\x1b[0m"));
}

BOOST_AUTO_TEST_CASE(lines_of_processes_fit_the_terminal) {
  const std::string text = status_text(from_healthd, 60, false);
  const std::string table = text.substr(text.find("\nSTATE") + 1);
  for (std::size_t at = 0; at < table.size();) {
    const auto end = table.find('\n', at);
    BOOST_TEST(end - at <= 60u, table.substr(at, end - at));
    at = end + 1;
  }
}

BOOST_AUTO_TEST_CASE(anything_else_is_shown_without_a_crash) {
  for (const char* json : {"", "{", "[]", "null", "{}", R"({"status":1,"reasons":{},"components":[1,null],"lag":[],"dead_letters":"x"})"}) BOOST_TEST(!is_well(json));
  for (const char* json : {"", "{}", R"({"status":1,"reasons":[1],"components":[1,null],"lag":[],"dead_letters":"x","healthd":{"now_ms":"x"}})"})
    BOOST_TEST(!status_text(json, 80, false).empty());
}

BOOST_AUTO_TEST_CASE(without_healthd_it_is_never_ok) {
  const std::string json = json_of(well());
  BOOST_TEST(json.starts_with(R"({"status":"degraded","databases":{"primary":{"status":"ok"}},"observers":{"transport":"nats","connected":true,"stream":"s"},"healthd":null,)"), json);
  BOOST_TEST(holds(json, R"("code":"healthd_away")"));
  BOOST_TEST(!is_well(json));
  const std::string text = status_text(json, 200, false);
  for (const char* words : {"healthd is away", "pg_to_nats: at row 1041", "led by pg2nats-bridge", "1041 messages, sequences 0 to 1041", "0 events wait, 0 are not acknowledged, 1 requests"})
    BOOST_TEST(holds(text, words), words << " in " << text);
}

BOOST_AUTO_TEST_CASE(what_servers_give_away_is_down_with_its_command) {
  const auto worst = [](auto change) {
    ServerView view = well();
    change(view);
    const std::string json = json_of(view);
    BOOST_TEST(json.starts_with(R"({"status":"down")"), json);
    const auto code = json.find(R"("code":")") + 8;
    return json.substr(code, json.find('"', code) - code);
  };
  const auto no_postgres = [](ServerView& view) { view.reader.reset(), view.no_postgres = "refused"; };
  BOOST_TEST(worst(no_postgres) == "postgres_unreachable");
  BOOST_TEST(worst([](ServerView& view) { view.reader->schema = false; }) == "schema");
  BOOST_TEST(worst([](ServerView& view) { view.reader->led = false; }) == "no_leader");
  BOOST_TEST(worst([](ServerView& view) { view.stream.reset(), view.no_nats = "refused"; }) == "jetstream_unreachable");
  BOOST_TEST(worst([](ServerView& view) { view.stream.reset(); }) == "no_stream");
  BOOST_TEST(worst([](ServerView& view) { view.consumer.reset(); }) == "no_executor");
  BOOST_TEST(worst([](ServerView& view) { view.consumer->waiting = 1, view.consumer->pulls = 0; }) == "no_executor");
}

BOOST_AUTO_TEST_SUITE_END()
