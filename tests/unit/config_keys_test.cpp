#include <boost/test/unit_test.hpp>

#include "tests/unit/config_support.hpp"

using namespace fraiseql;
using namespace fraiseql::test;
using namespace std::chrono_literals;

namespace {

const std::string nats = "[transport]\ntransport = 'nats'\nrun_bridge = true\n";
const Environment with_database = {{"DATABASE_URL", "postgresql://db/app"}};

}  // namespace

BOOST_AUTO_TEST_SUITE(config_keys)

BOOST_AUTO_TEST_CASE(without_any_source_the_documented_defaults_hold) {
  const Settings s = load(SourceTexts{});
  BOOST_TEST(s.transport() == "postgres");
  BOOST_TEST(!s.run_bridge());
  BOOST_TEST(s.run_executors());
  BOOST_TEST(s.origin("transport.transport") == "default");
  const NatsConfig n = nats_config(s);
  BOOST_TEST(n.url == "nats://localhost:4222");
  BOOST_TEST(n.stream_name == "fraiseql_events");
  BOOST_TEST(n.subject_prefix == "fraiseql.mutation");
  BOOST_TEST(n.consumer_name == "fraiseql_observer_worker");
  BOOST_TEST(n.dlq_subject_prefix == "fraiseql.dlq");
  BOOST_CHECK(n.duplicate_window == 5min);
  BOOST_CHECK(n.max_age == 24h * 7);
  BOOST_TEST(n.max_msgs == 10'000'000);
  BOOST_TEST(n.max_bytes == 10'737'418'240);
  BOOST_CHECK(n.ack_wait == 30s);
  BOOST_TEST(n.max_deliver == 3);
  BOOST_TEST(n.replicas == 1);
  BOOST_TEST(n.manage);
  BOOST_TEST(!n.max_dlq_size.has_value());
  BOOST_TEST((n.user + n.password + n.token).empty());
  const HealthConfig h = health_config(s);
  BOOST_TEST(h.listen == "127.0.0.1:8080");
  BOOST_TEST(h.status_endpoints == std::vector<std::string>{"tcp://127.0.0.1:5560"});
  BOOST_CHECK(h.stale_after == 5s);
  BOOST_TEST(h.expect_bridges == 0);
  BOOST_TEST(h.expect_executors == 1);
}

BOOST_AUTO_TEST_CASE(the_slice_of_a_bridge_has_its_defaults) {
  const BridgeConfig b = bridge_config(settings(nats, with_database));
  BOOST_TEST(b.database_url == "postgresql://db/app");
  BOOST_TEST(b.transport_name == "pg_to_nats");
  BOOST_TEST(b.batch_size == 100);
  BOOST_CHECK(b.poll_interval == 1s);
  BOOST_TEST(b.notify_channel == "fraiseql_events");
  BOOST_TEST(!b.start_from_now);
  BOOST_CHECK(b.chain == Chain::automatic);
  BOOST_TEST(b.max_in_flight == 4096);
  BOOST_TEST(b.health.expect_bridges == 1);
}

BOOST_AUTO_TEST_CASE(the_slice_of_an_executor_has_its_defaults) {
  const ExecutorConfig e = executor_config(settings(nats));
  BOOST_TEST(e.max_concurrency == 50);
  BOOST_TEST(e.max_per_host == 12);
  BOOST_TEST(e.channel_capacity == 1000);
  BOOST_CHECK(e.shutdown_timeout == 30s);
  BOOST_TEST(e.allow_networks.empty());
  BOOST_TEST(executor_config(settings(nats + "[executor]\nmax_concurrency = 3")).max_per_host == 1);
}

BOOST_AUTO_TEST_CASE(every_key_can_be_set_in_the_file) {
  const std::string file = R"(
[transport]
transport = "nats"
run_bridge = true
[transport.nats]
url = "nats://a:4222, b"
stream_name = "s"
subject_prefix = "p.q"
consumer_name = "c"
dlq_subject_prefix = "d"
user = "u"
password = "pw"
[transport.nats.jetstream]
dedup_window_minutes = 60
max_age_days = 1
max_msgs = 10_000
max_bytes = 1
ack_wait_secs = 2
max_deliver = 9
replicas = 3
manage = false
[transport.bridge]
transport_name = "t"
batch_size = 10000
poll_interval_secs = 7
notify_channel = ""
start_from = "now"
chain = "off"
max_in_flight = 1
[health]
listen = "[::1]:80"
status_endpoint = "tcp://localhost:1, ipc:///run/x"
stale_after_secs = 9
expect_bridges = 2
expect_executors = 4
[executor]
max_concurrency = 8
max_per_host = 8
channel_capacity = 5
shutdown_timeout = "500ms"
[security]
allow_networks = ["10.0.0.0/8", "fd00::/8"]
)";
  const Settings s = settings(file, with_database, "[observers]\nbackend = 'nats'\nmax_dlq_size = 7\n");
  const BridgeConfig b = bridge_config(s);
  BOOST_TEST(b.nats.url == "nats://a:4222,b");
  BOOST_TEST(b.nats.user == "u");
  BOOST_TEST(b.nats.password == "pw");
  BOOST_TEST(b.nats.max_msgs == 10'000);
  BOOST_TEST(!b.nats.manage);
  BOOST_TEST(b.nats.max_dlq_size.value() == 7);
  BOOST_TEST(b.batch_size == 10'000);
  BOOST_TEST(b.notify_channel == "");
  BOOST_TEST(b.start_from_now);
  BOOST_CHECK(b.chain == Chain::off);
  BOOST_TEST(b.health.status_endpoints == (std::vector<std::string>{"tcp://localhost:1", "ipc:///run/x"}));
  BOOST_TEST(b.health.expect_executors == 4);
  const ExecutorConfig e = executor_config(s);
  BOOST_CHECK(e.shutdown_timeout == 500ms);
  BOOST_TEST(e.max_per_host == 8);
  BOOST_TEST(e.allow_networks == (std::vector<std::string>{"10.0.0.0/8", "fd00::/8"}));
  BOOST_TEST(s.origin("transport.bridge.batch_size") == "o:24");
}

BOOST_AUTO_TEST_CASE(the_environment_wins_over_the_observer_file_and_that_over_the_app_file) {
  const std::string app = "[observers]\nnats_url = 'nats://app'\n[database]\nurl = 'host=file'\n";
  BOOST_TEST(settings("", {}, app).text("transport.nats.url") == "nats://app");
  BOOST_TEST(settings("", {}, app).origin("transport.nats.url") == "a:2");
  BOOST_TEST(settings("[transport.nats]\nurl = 'nats://file'", {}, app).text("transport.nats.url") == "nats://file");
  const Settings s =
      settings("[transport.nats]\nurl = 'nats://file'", {{"FRAISEQL_NATS_URL", "nats://env"}, {"DATABASE_URL", "host=env"}}, app);
  BOOST_TEST(s.text("transport.nats.url") == "nats://env");
  BOOST_TEST(s.origin("transport.nats.url") == "environment:FRAISEQL_NATS_URL");
  BOOST_TEST(database_url(s) == "host=env");
  BOOST_TEST(database_url(settings("", {}, app)) == "host=file");
}

BOOST_AUTO_TEST_CASE(a_value_that_the_environment_overrides_is_not_even_expanded) {
  BOOST_TEST(mistakes("[transport.nats]\nurl = '${NATS_URL}'", {{"FRAISEQL_NATS_URL", "nats://env"}},
                      "[observers]\nnats_url = '${NATS_URL}'") == "");
}

BOOST_AUTO_TEST_CASE(lists_and_flags_come_from_the_environment_too) {
  const Settings s = settings("", {{"FRAISEQL_ALLOW_NETWORKS", "10.0.0.0/8, 192.168.0.0/16"},
                                   {"FRAISEQL_NATS_RUN_EXECUTORS", "0"},
                                   {"FRAISEQL_BRIDGE_NOTIFY_CHANNEL", ""}});
  BOOST_TEST(s.list("security.allow_networks").size() == 2u);
  BOOST_TEST(!s.run_executors());
  BOOST_TEST(s.text("transport.bridge.notify_channel") == "");
  BOOST_TEST(settings("", {{"FRAISEQL_ALLOW_NETWORKS", ""}}).list("security.allow_networks").empty());
}

BOOST_AUTO_TEST_CASE(variables_are_replaced_after_parsing_and_once) {
  const auto name = [](const std::string& value, Environment environment) {
    return settings("[transport.bridge]\ntransport_name = '" + value + "'", std::move(environment))
        .text("transport.bridge.transport_name");
  };
  BOOST_TEST(name("${A}", {{"A", "\"] x = 1"}}) == "\"] x = 1");
  BOOST_TEST(name("a${A}b${B}", {{"A", "${B}"}, {"B", "2"}}) == "a${B}b2");
  BOOST_TEST(name("${A:-none}", {}) == "none");
  BOOST_TEST(name("${A:-none}", {{"A", ""}}) == "none");
  BOOST_TEST(name("x${A:-}", {}) == "x");
  BOOST_TEST(name("$${A}", {}) == "${A}");
  BOOST_TEST(name("$A $", {}) == "$A $");
}

BOOST_AUTO_TEST_CASE(a_program_needs_only_the_variables_of_its_own_keys) {
  const std::string app = "[database]\nurl = '${DATABASE}'";
  BOOST_CHECK_NO_THROW(settings("", {}, app, for_healthd));
  BOOST_CHECK_NO_THROW(settings("", {}, app, for_executor));
  BOOST_TEST(complaint([&] { settings("", {}, app, for_bridge); }) ==
             "a:2: database.url: unset variable DATABASE; in a template write {{ DATABASE }}");
  const std::string hook =
      "[[observers]]\n[[observers.actions]]\ntype = 'webhook'\nurl_env = 'HOOK'\nheaders = { A = '${TOKEN}' }";
  BOOST_CHECK_NO_THROW(settings(hook, {}, "", for_bridge));
  BOOST_CHECK_THROW(settings(hook, {}, "", for_executor), ConfigError);
}

BOOST_AUTO_TEST_CASE(the_backend_of_the_app_file_stands_in_for_the_transport) {
  BOOST_TEST(settings("", {}, "[observers]\nbackend = 'nats'").transport() == "nats");
  BOOST_TEST(settings("", {}, "[observers]\nbackend = 'postgresql'").transport() == "postgres");
  BOOST_TEST(settings("", {}, "[observers]\nbackend = 'in-memory'").transport() == "in_memory");
  BOOST_TEST(mistakes("[transport]\ntransport = 'postgres'", {}, "[observers]\nbackend = 'postgresql'") == "");
  BOOST_TEST(mistakes("[transport]\ntransport = 'nats'", {}, "[observers]\nbackend = 'postgresql'") ==
             "o:2: transport.transport: transport is nats, but [observers] backend is postgresql (a:2)");
  BOOST_TEST(mistakes("", {{"FRAISEQL_OBSERVER_TRANSPORT", "nats"}}, "[observers]\nbackend = 'postgres'") ==
             "environment:FRAISEQL_OBSERVER_TRANSPORT: transport.transport: transport is nats, but [observers] backend is "
             "postgres (a:2)");
  BOOST_TEST(mistakes("", {}, "[observers]\nbackend = 'redis'") ==
             "a:2: observers.backend: must be one of postgres, postgresql, nats, in_memory, in-memory; got redis");
}

BOOST_AUTO_TEST_CASE(a_program_that_shall_not_run_is_refused) {
  BOOST_TEST(complaint([] { bridge_config(load(SourceTexts{})); }) ==
             "default: transport.run_bridge: is false: pg2nats-bridge shall not run here");
  BOOST_TEST(complaint([] { executor_config(settings("[transport]\nrun_executors = false")); }) ==
             "o:2: transport.run_executors: is false: executors shall not run here");
  BOOST_TEST(complaint([] { executor_config(load(SourceTexts{})); }) ==
             "fraiseql.toml:1: database.url: is not set: set DATABASE_URL, or url in [database]");
  BOOST_TEST(complaint([] { bridge_config(settings(nats)); }) ==
             "a:1: database.url: is not set: set DATABASE_URL, or url in [database]");
}

BOOST_AUTO_TEST_CASE(an_executor_of_each_transport_is_told_what_it_needs) {
  const ExecutorConfig nats_only = executor_config(settings("[transport]\ntransport = 'nats'"));
  BOOST_CHECK(nats_only.transport == Transport::nats);
  BOOST_TEST(nats_only.change_log.database_url == "");
  BOOST_CHECK(executor_config(settings("[transport]\ntransport = 'in_memory'")).transport == Transport::in_memory);
  const ExecutorConfig standard = executor_config(settings("", with_database));
  BOOST_CHECK(standard.transport == Transport::postgres);
  BOOST_TEST(standard.change_log.database_url == "postgresql://db/app");
  BOOST_TEST(standard.change_log.transport_name == "fraiseql_observer_worker");
  BOOST_TEST(standard.change_log.batch_size == 100);
  BOOST_CHECK(standard.change_log.poll_interval == 1s);
  BOOST_TEST(standard.change_log.notify_channel == "fraiseql_events");
  BOOST_TEST(!standard.change_log.start_from_now);
  const ExecutorConfig told = executor_config(settings(
      "[transport.nats]\nconsumer_name = 'c'\n[transport.bridge]\nbatch_size = 7\npoll_interval_secs = 2\nnotify_channel = ''\n"
      "start_from = 'now'",
      {}, "[database]\nurl = 'postgresql://d/x'\n[observers]\nmax_dlq_size = 3"));
  BOOST_TEST(told.change_log.database_url == "postgresql://d/x");
  BOOST_TEST(told.change_log.transport_name == "c");
  BOOST_TEST(told.change_log.batch_size == 7);
  BOOST_CHECK(told.change_log.poll_interval == 2s);
  BOOST_TEST(told.change_log.notify_channel == "");
  BOOST_TEST(told.change_log.start_from_now);
  BOOST_TEST(told.nats.max_dlq_size.value() == 3);
}

BOOST_AUTO_TEST_CASE(only_an_executor_that_needs_the_database_asks_for_its_variable) {
  const std::string app = "[database]\nurl = '${APP_DATABASE}'";
  const Settings with_broker = settings("[transport]\ntransport = 'nats'", {}, app, for_executor);
  BOOST_CHECK_NO_THROW(executor_config(with_broker));
  BOOST_TEST(complaint([&] { executor_config(settings("", {}, app, for_executor)); }) ==
             "a:2: database.url: unset variable APP_DATABASE; in a template write {{ APP_DATABASE }}");
  BOOST_TEST(complaint([&] { settings("", {}, app, for_bridge); }) ==
             "a:2: database.url: unset variable APP_DATABASE; in a template write {{ APP_DATABASE }}");
  BOOST_TEST(executor_config(settings("", {{"APP_DATABASE", "postgresql://d"}}, app, for_executor)).change_log.database_url ==
             "postgresql://d");
  BOOST_TEST(executor_config(settings("", with_database, app, for_executor)).change_log.database_url == "postgresql://db/app");
}

BOOST_AUTO_TEST_CASE(start_says_where_it_connects_without_user_and_password) {
  BOOST_TEST(startup_lines(settings("[transport]\ntransport = 'nats'")) ==
             (std::vector<std::string>{"[observers] transport: nats (nats://localhost:4222)",
                                       "[observers] JetStream enabled: true", "[observers] stream: fraiseql_events"}));
  BOOST_TEST(startup_lines(settings(
                 "[transport]\ntransport='nats'\n[transport.nats]\nurl = 'nats://me:secret@a:1,nats://me:secret@b:2'"))[0] ==
             "[observers] transport: nats (nats://a:1,nats://b:2)");
}

BOOST_AUTO_TEST_CASE(credentials_never_show) {
  BOOST_TEST(without_credentials("postgresql://me:p@ss/w,ord@db:5432,db2/app?password=x") == "postgresql://db:5432,db2/app");
  BOOST_TEST(without_credentials("nats://token@a,nats://b,nats://u:p@c") == "nats://a,nats://b,nats://c");
  BOOST_TEST(without_credentials("nats://u:p,q@a,nats://b") == "nats://a,nats://b");
  BOOST_TEST(without_credentials("u:p@a:4222") == "a:4222");
  BOOST_TEST(without_credentials("host=db user=me password='it\\'s secret' dbname = app") == "host=db dbname=app");
  BOOST_TEST(without_credentials("password=a://b@c host=db") == "host=db");
  BOOST_TEST(without_credentials("") == "");
}

BOOST_AUTO_TEST_SUITE_END()
