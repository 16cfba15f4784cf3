#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <ostream>

#include "tests/unit/config_support.hpp"

using namespace fraiseql;
using namespace fraiseql::test;
namespace data = boost::unit_test::data;

namespace {

/// One table with one key, and what is said against it.
struct Case {
  std::string table, entry, message;
  friend std::ostream& operator<<(std::ostream& out, const Case& c) { return out << "[" << c.table << "] " << c.entry; }
};

const std::vector<Case> cases = {
    {"transport", "transport = 'kafka'", "must be one of postgres, nats, in_memory; got kafka"},
    {"transport", "run_bridge = true", "run_bridge=true requires transport=nats"},
    {"transport", "run_bridge = 'yes'", "expected true or false, got a string"},
    {"transport.nats", "subject_prefix = ''", "nats.subject_prefix cannot be empty"},
    {"transport.nats", "consumer_name = ''", "nats.consumer_name cannot be empty"},
    {"transport.nats", "stream_name = ''", "nats.stream_name cannot be empty"},
    {"transport.nats", "stream_name = 'a.b'", "must not contain a dot"},
    {"transport.nats", "stream_name = 'a b'", "must not contain a space"},
    {"transport.nats", "stream_name = 'a*'", "must not contain a wildcard (* or >)"},
    {"transport.nats", "stream_name = '$JS'", "must not begin with $"},
    {"transport.nats", "stream_name = 'a/b'", "must not contain a slash"},
    {"transport.nats", "stream_name = 'ä'", "must be printable ASCII"},
    {"transport.nats", "stream_name = '" + std::string(300, 'a') + "'", "must have at most 243 bytes"},
    {"transport.nats", "consumer_name = '" + std::string(300, 'a') + "'", "must have at most 255 bytes"},
    {"transport.nats", "consumer_name = 'a>'", "must not contain a wildcard (* or >)"},
    {"transport.nats", "subject_prefix = '>'", "must not contain a wildcard (* or >)"},
    {"transport.nats", "subject_prefix = 'a..b'", "must not have an empty part between its dots"},
    {"transport.nats", "subject_prefix = '.a'", "must not have an empty part between its dots"},
    {"transport.nats", "subject_prefix = '$JS.API'", "must not begin with $, which is the server's own"},
    {"transport.nats", "subject_prefix = '_INBOX.x'", "must not begin with _INBOX, which is for replies"},
    {"transport.nats", "subject_prefix = 'a b'", "must be printable ASCII without spaces"},
    {"transport.nats", "dlq_subject_prefix = 'fraiseql'",
     "nats.dlq_subject_prefix must be neither under nor above nats.subject_prefix"},
    {"transport.nats", "dlq_subject_prefix = 'fraiseql.mutation'",
     "nats.dlq_subject_prefix must be neither under nor above nats.subject_prefix"},
    {"transport.nats", "dlq_subject_prefix = 'fraiseql.mutation.x'",
     "nats.dlq_subject_prefix must be neither under nor above nats.subject_prefix"},
    {"transport.nats", "url = 'http://a'", "must begin with nats://"},
    {"transport.nats", "url = 'tls://a'", "tls://: not supported yet"},
    {"transport.nats", "url = 'nats://a:99999'", "port must be between 1 and 65535"},
    {"transport.nats", "url = 'nats://a:0'", "port must be between 1 and 65535"},
    {"transport.nats", "url = 'nats://a:'", "port must be between 1 and 65535"},
    {"transport.nats", "url = 'nats://a:-1'", "port must be between 1 and 65535"},
    {"transport.nats", "url = 'nats://'", "host is missing"},
    {"transport.nats", "url = 'nats://::1'", "an IPv6 address needs brackets"},
    {"transport.nats", "url = 'nats://[::1]:x'", "port must be between 1 and 65535"},
    {"transport.nats", "url = 'nats://a,,nats://b'", "element 2: is empty"},
    {"transport.nats", "url = 'nats://a/b'", "the host holds a character that host names do not have"},
    {"transport.nats", "url = 7", "expected a string, got an integer"},
    {"transport.nats", "password = 'x'", "nats.password needs nats.user"},
    {"transport.nats", "credentials_file = 'f'", "not supported yet"},
    {"transport.nats", "nkey_seed_file = 'f'", "not supported yet"},
    {"transport.nats", "tls_ca = 'f'", "not supported yet"},
    {"transport.nats", "tls_cert = 'f'", "not supported yet"},
    {"transport.nats", "tls_key = 'f'", "not supported yet"},
    {"transport.nats.jetstream", "dedup_window_minutes = 0", "jetstream.dedup_window_minutes must be between 1 and 60"},
    {"transport.nats.jetstream", "dedup_window_minutes = 61", "jetstream.dedup_window_minutes must be between 1 and 60"},
    {"transport.nats.jetstream", "ack_wait_secs = 0", "jetstream.ack_wait_secs must be > 0"},
    {"transport.nats.jetstream", "ack_wait_secs = -1", "jetstream.ack_wait_secs must be > 0"},
    {"transport.nats.jetstream", "ack_wait_secs = 100_000", "jetstream.ack_wait_secs must be at most 86400"},
    {"transport.nats.jetstream", "max_deliver = 0", "jetstream.max_deliver must be > 0"},
    {"transport.nats.jetstream", "max_msgs = 0", "jetstream.max_msgs must be > 0"},
    {"transport.nats.jetstream", "max_bytes = -1", "jetstream.max_bytes must be > 0"},
    {"transport.nats.jetstream", "max_age_days = 0", "jetstream.max_age_days must be between 1 and 36500"},
    {"transport.nats.jetstream", "max_age_days = 9223372036854775807", "jetstream.max_age_days must be between 1 and 36500"},
    {"transport.nats.jetstream", "replicas = 2", "jetstream.replicas must be 1, 3 or 5"},
    {"transport.nats.jetstream", "replicas = 7", "jetstream.replicas must be 1, 3 or 5"},
    {"transport.nats.jetstream", "max_msgs = nan", "expected an integer, got a floating point number"},
    {"transport.nats.jetstream", "max_msgs = 1979-05-27", "expected an integer, got a date or time"},
    {"transport.bridge", "transport_name = ''", "bridge.transport_name cannot be empty"},
    {"transport.bridge", "batch_size = 0", "bridge.batch_size must be between 1 and 10000"},
    {"transport.bridge", "batch_size = 10001", "bridge.batch_size must be between 1 and 10000"},
    {"transport.bridge", "batch_size = '5'", "expected an integer, got a string"},
    {"transport.bridge", "batch_size = 5.0", "expected an integer, got a floating point number"},
    {"transport.bridge", "batch_size = { a = 1 }", "expected an integer, got a table"},
    {"transport.bridge", "poll_interval_secs = 0", "bridge.poll_interval_secs must be > 0"},
    {"transport.bridge", "notify_channel = '" + std::string(64, 'c') + "'", "must have at most 63 bytes"},
    {"transport.bridge", "start_from = 'end'", "must be one of beginning, now; got end"},
    {"transport.bridge", "chain = true", "expected a string, got a boolean"},
    {"transport.bridge", "max_in_flight = 0", "bridge.max_in_flight must be between 1 and 1000000"},
    {"health", "listen = '8080'", "must be host:port"},
    {"health", "listen = ':8080'", "host is missing"},
    {"health", "listen = 'a:99999'", "port must be between 0 and 65535"},
    {"health", "status_endpoint = 'udp://x'", "must begin with tcp:// or ipc://"},
    {"health", "status_endpoint = 'tcp://127.0.0.1'", "needs a port, as in tcp://127.0.0.1:5560"},
    {"health", "status_endpoint = 'ipc://'", "the path of an ipc:// endpoint must have 1 to 107 bytes"},
    {"health", "status_endpoint = 'tcp://10.0.0.1:5560'",
     "reports would leave this machine in clear text: set status_allow_insecure = true, or use loopback or ipc://"},
    {"health", "status_endpoint = 'tcp://*:5560'",
     "reports would leave this machine in clear text: set status_allow_insecure = true, or use loopback or ipc://"},
    {"health", "status_curve_public_key = 'k'", "not supported yet"},
    {"health", "status_curve_secret_key = 'k'", "not supported yet"},
    {"health", "status_curve_server_key = 'k'", "not supported yet"},
    {"health", "stale_after_secs = 0", "health.stale_after_secs must be between 1 and 3600"},
    {"health", "expect_bridges = -1", "health.expect_bridges must be between 0 and 10000"},
    {"executor", "max_concurrency = 0", "executor.max_concurrency must be between 1 and 10000"},
    {"executor", "max_per_host = 51", "executor.max_per_host must not be above executor.max_concurrency"},
    {"executor", "shutdown_timeout = '30'", "expected a duration such as 500ms, 30s or 2m; got 30"},
    {"executor", "shutdown_timeout = '-1s'", "expected a duration such as 500ms, 30s or 2m; got -1s"},
    {"executor", "shutdown_timeout = '1e3s'", "expected a duration such as 500ms, 30s or 2m; got 1e3s"},
    {"executor", "shutdown_timeout = '0s'", "executor.shutdown_timeout must be between 1ms and 1h"},
    {"executor", "shutdown_timeout = '99999999999999999999h'", "executor.shutdown_timeout must be between 1ms and 1h"},
    {"executor", "shutdown_timeout = 30", "expected a duration in quotes, such as \"500ms\", \"30s\" or \"2m\", got an integer"},
    {"security", "allow_networks = ['10.0.0.0/8', '10.0.0.1']", "element 2: must be a network such as 10.0.0.0/8 or fd00::/8"},
    {"security", "allow_networks = ['10.0.0.0/33']", "element 1: the prefix length must be between 0 and 32"},
    {"security", "allow_networks = '10.0.0.0/8'", "expected an array of strings, got a string"},
    {"security", "allow_networks = [1]", "expected an array of strings, got an integer in it"},
};

std::string key_of(const Case& c) { return c.table + "." + c.entry.substr(0, c.entry.find(' ')); }

}  // namespace

BOOST_AUTO_TEST_SUITE(config_messages)

BOOST_DATA_TEST_CASE(a_wrong_value_gets_one_line_with_its_place, data::make(cases), c) {
  BOOST_TEST(mistakes("\n[" + c.table + "]\n" + c.entry + "\n") == "o:3: " + key_of(c) + ": " + c.message);
}

BOOST_AUTO_TEST_CASE(with_nats_the_url_must_not_be_empty) {
  BOOST_TEST(mistakes("[transport]\ntransport = 'nats'\n[transport.nats]\nurl = ''") ==
             "o:4: transport.nats.url: NATS transport requires nats.url to be set");
  BOOST_TEST(mistakes("[transport.nats]\nurl = ''") == "");
}

BOOST_AUTO_TEST_CASE(keys_of_the_app_file_have_messages_too) {
  BOOST_TEST(mistakes("", {}, "[observers]\nmax_dlq_size = 0") ==
             "a:2: observers.max_dlq_size: max_dlq_size must be greater than zero");
  BOOST_TEST(mistakes("", {}, "[observers]\nmax_dlq_size = -5") ==
             "a:2: observers.max_dlq_size: max_dlq_size must be greater than zero");
  BOOST_TEST(mistakes("", {}, "[observers]\nnats_url = 'x://'") == "a:2: observers.nats_url: must begin with nats://");
  BOOST_TEST(mistakes("", {}, "[observers]\nbackends = 'nats'") ==
             "a:2: observers.backends: unknown key; the nearest known one is observers.backend");
  BOOST_TEST(mistakes("", {}, "[[observers]]\nname = 'x'") == "a:1: observers: [[observers]] belongs in o");
  BOOST_TEST(mistakes("", {}, "[database]\nurl = ''") == "a:2: database.url: database.url cannot be empty");
}

BOOST_AUTO_TEST_CASE(a_password_is_not_in_the_message) {
  BOOST_TEST(mistakes("", {{"DATABASE_URL", "postgresql://me:s%zzecret@h"}}) ==
             "environment:DATABASE_URL: database.url: is neither a PostgreSQL URL nor a list of keyword=value");
  BOOST_TEST(mistakes("[transport.nats]\nurl = 'nats://u:secret@a:99999'").find("secret") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_is_not_ours_in_the_app_file_is_passed_over) {
  BOOST_TEST(mistakes("", {},
                      "x = 1\n[server]\nport = '${UNSET}'\n[observers]\nenabled = 3\nredis_url = 'r'\nhandlers = []\nruntime = "
                      "{}\npool = {a=1}\n"
                      "[database]\npool_max = 5\n[clickhouse]\n") == "");
}

BOOST_AUTO_TEST_CASE(an_unknown_key_is_told_its_nearest_neighbour) {
  BOOST_TEST(mistakes("[transport.bridge]\nbatch_sise = 1") ==
             "o:2: transport.bridge.batch_sise: unknown key; the nearest known one is transport.bridge.batch_size");
  BOOST_TEST(mistakes("[transport.nats]\nack_wait_secs = 1") ==
             "o:2: transport.nats.ack_wait_secs: unknown key; the nearest known one is transport.nats.jetstream.ack_wait_secs");
  BOOST_TEST(mistakes("[bridge]\nbatch_size = 1") == "o:1: bridge: unknown table; the nearest known one is transport.bridge");
  BOOST_TEST(mistakes("stream_name = 'x'") ==
             "o:1: stream_name: unknown key; the nearest known one is transport.nats.stream_name");
  BOOST_TEST(mistakes("[transport]\nnats = 1") == "o:2: transport.nats: expected a table, got an integer");
  BOOST_TEST(mistakes("[transports]\n") == "o:1: transports: unknown table; the nearest known one is transport");
}

BOOST_AUTO_TEST_CASE(older_homes_of_a_key_name_the_new_one) {
  BOOST_TEST(mistakes("channel_capacity = 5\n[performance]\nmax_concurrency = 1\n[transport.bridge]\nchannel_capacity = "
                      "1\nmax_concurrency = 2\n"
                      "shutdown_timeout = '1s'") ==
             "o:1: channel_capacity: has moved: write it as executor.channel_capacity\n"
             "o:3: performance.max_concurrency: has moved: write it as executor.max_concurrency\n"
             "o:5: transport.bridge.channel_capacity: has moved: write it as executor.channel_capacity\n"
             "o:6: transport.bridge.max_concurrency: has moved: write it as executor.max_concurrency\n"
             "o:7: transport.bridge.shutdown_timeout: has moved: write it as executor.shutdown_timeout");
}

BOOST_AUTO_TEST_CASE(tables_of_fraiseql_without_a_meaning_here_get_one_warning_each) {
  const Settings s = settings("[clickhouse]\nurl = 'x'\n[job_queue]\nworkers = 3\n");
  BOOST_TEST(s.warnings() == (std::vector<std::string>{"o:1: clickhouse: has no meaning here and is passed over",
                                                       "o:3: job_queue: has no meaning here and is passed over"}));
}

BOOST_AUTO_TEST_CASE(a_misspelt_variable_of_ours_is_told_of) {
  BOOST_TEST(settings("", {{"FRAISEQL_NATS_URI", "x"}, {"FRAISEQL_CACHE", "y"}}).warnings() ==
             std::vector<std::string>{"environment:FRAISEQL_NATS_URI: unknown variable: is passed over"});
}

BOOST_AUTO_TEST_CASE(wrong_variables_name_themselves) {
  BOOST_TEST(
      mistakes("", {{"FRAISEQL_BRIDGE_BATCH_SIZE", "0"}}) ==
      "environment:FRAISEQL_BRIDGE_BATCH_SIZE: transport.bridge.batch_size: bridge.batch_size must be between 1 and 10000");
  BOOST_TEST(
      mistakes("", {{"FRAISEQL_BRIDGE_BATCH_SIZE", "9223372036854775808"}}) ==
      "environment:FRAISEQL_BRIDGE_BATCH_SIZE: transport.bridge.batch_size: bridge.batch_size must be between 1 and 10000");
  BOOST_TEST(mistakes("", {{"FRAISEQL_NATS_MAX_MSGS", "-9223372036854775809"}}) ==
             "environment:FRAISEQL_NATS_MAX_MSGS: transport.nats.jetstream.max_msgs: jetstream.max_msgs must be > 0");
  BOOST_TEST(mistakes("", {{"FRAISEQL_MAX_CONCURRENCY", "1e400"}}) ==
             "environment:FRAISEQL_MAX_CONCURRENCY: executor.max_concurrency: expected an integer, got 1e400");
  BOOST_TEST(mistakes("", {{"FRAISEQL_NATS_ENABLE_BRIDGE", ""}}) ==
             "environment:FRAISEQL_NATS_ENABLE_BRIDGE: transport.run_bridge: expected true or false, got an empty text");
  BOOST_TEST(mistakes("", {{"FRAISEQL_NATS_TLS_CA", "f"}}) ==
             "environment:FRAISEQL_NATS_TLS_CA: transport.nats.tls_ca: not supported yet");
  BOOST_TEST(mistakes("", {{"FRAISEQL_BRIDGE_TRANSPORT_NAME", "\xff"}}) ==
             "environment:FRAISEQL_BRIDGE_TRANSPORT_NAME: transport.bridge.transport_name: is not valid UTF-8");
}

BOOST_AUTO_TEST_CASE(at_most_one_way_to_authenticate) {
  const std::string head = "[transport.nats]\n";
  BOOST_TEST(mistakes(head + "user = 'u'\npassword = 'p'") == "");
  BOOST_TEST(mistakes(head + "token = 't'\nuser = ''") == "");
  BOOST_TEST(mistakes(head + "user = 'u'\npassword = 'p'\ntoken = 't'") ==
             "o:4: transport.nats.token: at most one way to authenticate; given: nats.user, nats.token");
  BOOST_TEST(mistakes(head + "url = 'nats://a:b@c'\nuser = 'u'") ==
             "o:3: transport.nats.user: at most one way to authenticate; given: nats.url, nats.user");
}

BOOST_AUTO_TEST_CASE(reports_may_leave_the_machine_when_told_so) {
  BOOST_TEST(mistakes("[health]\nstatus_endpoint = 'tcp://healthd:5560'\nstatus_allow_insecure = true") == "");
  for (const char* endpoint : {"tcp://127.8.9.1:1", "tcp://localhost:1", "tcp://[::1]:1", "ipc:///tmp/x"})
    BOOST_TEST(mistakes("[health]\nstatus_endpoint = '" + std::string(endpoint) + "'") == "");
  for (const char* endpoint : {"tcp://127.0.0.1.example.org:1", "tcp://[::]:1", "tcp://0.0.0.0:1", "ipc:///x, tcp://b:1"})
    BOOST_TEST(mistakes("[health]\nstatus_endpoint = '" + std::string(endpoint) + "'") != "");
}

BOOST_AUTO_TEST_CASE(variables_in_values_that_cannot_be_replaced_are_named) {
  const auto said = [](const std::string& value) { return mistakes("[transport.bridge]\ntransport_name = '" + value + "'"); };
  const std::string at = "o:2: transport.bridge.transport_name: ";
  BOOST_TEST(said("${total}") == at + "unset variable total; in a template write {{ total }}");
  BOOST_TEST(said("${A") == at + "unterminated ${: a } is missing; a literal ${ is written $${");
  BOOST_TEST(said("${}") == at + "${}: not the name of a variable; a literal ${ is written $${");
  BOOST_TEST(said("${a b}") == at + "${a b}: not the name of a variable; a literal ${ is written $${");
}

BOOST_AUTO_TEST_CASE(all_mistakes_are_told_at_once) {
  BOOST_TEST(
      mistakes("[transport]\nrun_bridge = true\n[transport.bridge]\nbatch_size = 0\nchains = 1\n[[observers]]\nentity = 7\n",
               {{"FRAISEQL_NATS_MAX_DELIVER", "0"}}, "[observers]\nmax_dlq_size = 0\n") ==
      "o:4: transport.bridge.batch_size: bridge.batch_size must be between 1 and 10000\n"
      "o:5: transport.bridge.chains: unknown key; the nearest known one is transport.bridge.chain\n"
      "o:7: observers.entity: expected a string, got an integer\n"
      "o:6: observers.actions: an observer needs at least one [[observers.actions]]\n"
      "a:2: observers.max_dlq_size: max_dlq_size must be greater than zero\n"
      "environment:FRAISEQL_NATS_MAX_DELIVER: transport.nats.jetstream.max_deliver: jetstream.max_deliver must be > 0\n"
      "o:2: transport.run_bridge: run_bridge=true requires transport=nats");
}

BOOST_AUTO_TEST_SUITE_END()
