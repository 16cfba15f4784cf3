#include "tests/support/executor_fixture.hpp"

#include <rapidjson/document.h>

#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <stdexcept>

#include "common/config.hpp"
#include "tests/support/programs.hpp"

namespace fraiseql::test {
namespace {

NatsConfig connection_config(const std::string& url) {
  NatsConfig config{};
  config.url = url;
  return config;
}

}  // namespace

ExecutorFixture::ExecutorFixture(NatsServer& server, const std::string& url) {
  config.nats_url = url.empty() ? server.url() : url;
  stream = unique("events_");
  prefix = "test." + stream;
  consumer = "worker_" + stream;
  dlq_prefix = "letters." + stream;
  link_ = std::make_unique<nats::Link>(connection_config(config.nats_url), nats::Link::Reconnect::always, "test");
  create_stream();
}

void ExecutorFixture::create_stream() {
  const auto answer =
      api("STREAM.CREATE." + stream,
          R"({"name":")" + stream + R"(","subjects":[")" + prefix +
              R"(.>"],"retention":"limits","storage":"file","discard":"old","max_msgs":1000000,"duplicate_window":60000000000})");
  if (answer.failed()) throw std::runtime_error("create stream: " + answer.description);
}

void ExecutorFixture::delete_stream() {
  const auto answer = api("STREAM.DELETE." + stream);
  if (answer.failed()) throw std::runtime_error("delete stream: " + answer.description);
}

// 2.9 fails to remove the directory while it writes the consumer's state into it.
void ExecutorFixture::delete_consumer() {
  if (!eventually([&] { return !api("CONSUMER.DELETE." + stream + "." + consumer).failed() || !consumer_exists(); }))
    throw std::runtime_error("the consumer cannot be deleted");
}

std::string ExecutorFixture::publish(Event event) {
  if (event.id.empty()) event.id = unique("00000000-0000-4000-8000-00000000");
  const std::string subject = prefix + "." + event.entity + "." + event.operation;
  Headers headers{{"Nats-Msg-Id", event.id}, {"Fraiseql-Source", "pg_to_nats"}, {"Fraiseql-Pk", unique("")}};
  if (!event.entity_id.empty()) headers.emplace_back("Fraiseql-Entity-Id", event.entity_id);
  publish_raw(subject, headers,
              R"({"event":")" + event.operation + R"(","entity":")" + event.entity + R"(","subject":")" + subject +
                  R"(","timestamp":"2024-01-15T10:30:00Z","data":)" + event.data + "}");
  return event.id;
}

void ExecutorFixture::publish_raw(const std::string& subject, const Headers& headers, const std::string& payload) {
  natsMsg* raw = nullptr;
  nats::check(natsMsg_Create(&raw, subject.c_str(), nullptr, payload.data(), static_cast<int>(payload.size())), "make a message");
  const nats::Message message(raw);
  for (const auto& [name, value] : headers) nats::check(natsMsgHeader_Add(raw, name.c_str(), value.c_str()), "add a header");
  natsMsg* answer_raw = nullptr;
  nats::check(natsConnection_RequestMsg(&answer_raw, link_->get(), raw, 5000), "publish");
  const nats::Message answer(answer_raw);
  const Stored stored = parse_stored(nats::data(answer.get()));
  if (stored.seq == 0) throw std::runtime_error("publish: " + stored.description);
}

void ExecutorFixture::fill(long events, std::size_t payload) {
  const std::string subject = prefix + ".Order.INSERT";
  const std::string run = unique("");
  char number[32];
  for (long i = 1; i <= events; ++i) {
    std::snprintf(number, sizeof number, "%06ld-%06ld", std::atol(run.c_str()), i);
    const std::string id = "0190aaaa-bbbb-7ccc-8ddd-" + std::string(number);
    std::string json = R"({"event":"INSERT","entity":"Order","subject":")" + subject +
                       R"(","timestamp":"2024-01-15T10:30:00Z","data":{"id":)" + std::to_string(i) + R"(,"note":")";
    json.append(payload > json.size() + 3 ? payload - json.size() - 3 : 0, 'x') += "\"}}";
    const Headers headers{{"Nats-Msg-Id", id},
                          {"Fraiseql-Source", "pg_to_nats"},
                          {"Fraiseql-Pk", std::to_string(i)},
                          {"Fraiseql-Entity-Id", "e-" + std::string(number)}};
    // An answer now and then, for a server drops messages once thousands of them wait.
    if (i % 500 == 0 || i == events) {
      publish_raw(subject, headers, json);
      continue;
    }
    natsMsg* raw = nullptr;
    nats::check(natsMsg_Create(&raw, subject.c_str(), nullptr, json.data(), static_cast<int>(json.size())), "make a message");
    const nats::Message message(raw);
    for (const auto& [name, value] : headers) nats::check(natsMsgHeader_Add(raw, name.c_str(), value.c_str()), "add a header");
    nats::check(natsConnection_PublishMsg(link_->get(), raw), "publish");
  }
}

std::string ExecutorFixture::webhook(const std::string& name, const std::string& url, const std::string& entity,
                                     const std::string& action, const std::string& retry) const {
  return "[[observers]]\nname = \"" + name + "\"\nentity = \"" + entity +
         "\"\nevent_type = \"*\"\n[[observers.actions]]\ntype = \"webhook\"\nurl = \"" + url + "\"\n" + action +
         "\n[observers.retry]\n" + retry + "\n";
}

std::string ExecutorFixture::observer_text() const {
  return "[transport]\ntransport = \"nats\"\nrun_executors = true\n[transport.nats]\nurl = \"" +
                           config.nats_url + "\"\nstream_name = \"" + stream + "\"\nsubject_prefix = \"" + prefix +
                           "\"\nconsumer_name = \"" + consumer + "\"\ndlq_subject_prefix = \"" + dlq_prefix +
                           "\"\n[transport.nats.jetstream]\nack_wait_secs = " + std::to_string(config.ack_wait_secs) +
                           "\nmax_deliver = " + std::to_string(config.max_deliver) + "\nmanage = " + (config.manage ? "true" : "false") +
                           "\n[executor]\nmax_concurrency = " + std::to_string(config.max_concurrency) +
                           "\nmax_per_host = " + std::to_string(config.max_per_host) +
                           "\nchannel_capacity = " + std::to_string(config.channel_capacity) + "\nshutdown_timeout = \"" +
                           config.shutdown_timeout + "\"\n[security]\nallow_networks = " + config.allow_networks + "\n" +
                           "[health]\nstatus_endpoint = \"" + status_endpoint() + "\"\n" + config.observers;
}

void ExecutorFixture::rewrite() { directory_.file(observer_file_, observer_text()); }

std::vector<std::string> ExecutorFixture::command() {
  observer_file_ = unique("observer") + ".toml";
  const auto observer_file = directory_.file(observer_file_, observer_text());
  const auto app_file = directory_.file(
      unique("app") + ".toml",
      config.max_dlq_size.empty() ? "" : "[observers]\nbackend = \"nats\"\nmax_dlq_size = " + config.max_dlq_size + "\n");
  return {EXECUTOR, "--config", observer_file, "--app-config", app_file};
}

std::string ExecutorFixture::status_endpoint() const { return "ipc://" + (directory_ / "status").string(); }

void ExecutorFixture::start_healthd() {
  const auto file = directory_.file(unique("healthd") + ".toml",
                                    "[transport]\ntransport = \"nats\"\nrun_executors = true\n[health]\nlisten = \"127.0.0.1:" +
                                        std::to_string(health_port_) + "\"\nstatus_endpoint = \"" + status_endpoint() + "\"\n");
  healthd_.emplace(std::vector<std::string>{HEALTHD, "--config", file.string()});
  if (!eventually([&] { return http_get(health_port_, "/livez").status == 200; }))
    throw std::runtime_error("healthd does not answer: " + healthd_->err());
}

std::map<std::string, double> ExecutorFixture::metrics() const {
  std::map<std::string, double> series;
  std::istringstream lines(http_get(health_port_, "/metrics").body);
  for (std::string line; std::getline(lines, line);)
    if (const auto space = line.rfind(' '); !line.empty() && line[0] != '#' && space != std::string::npos)
      series[line.substr(0, space)] = std::strtod(line.c_str() + space + 1, nullptr);
  return series;
}

Child ExecutorFixture::start() { return Child(command()); }

nats::ApiAnswer ExecutorFixture::api(const std::string& subject, const std::string& json) { return link_->api(subject, json); }

std::uint64_t ExecutorFixture::number(const std::string& subject, const std::vector<std::string>& path) {
  const auto answer = api(subject);
  rapidjson::Document document;
  document.Parse(answer.json.c_str());
  const rapidjson::Value* at = &document;
  for (const auto& name : path) {
    const auto member = at->FindMember(name.c_str());
    if (member == at->MemberEnd()) throw std::runtime_error("no " + name + " in " + answer.json);
    at = &member->value;
  }
  return at->GetUint64();
}

std::uint64_t ExecutorFixture::messages(const std::string& of_stream) {
  if (api("STREAM.INFO." + of_stream).failed()) return 0;
  return number("STREAM.INFO." + of_stream, {"state", "messages"});
}

bool ExecutorFixture::consumer_exists() { return !api("CONSUMER.INFO." + stream + "." + consumer).failed(); }

std::uint64_t ExecutorFixture::unsettled() {
  if (!consumer_exists()) return ~std::uint64_t{0};
  const std::string info = "CONSUMER.INFO." + stream + "." + consumer;
  return number(info, {"num_pending"}) + number(info, {"num_ack_pending"});
}

bool ExecutorFixture::settled(std::uint64_t stored) {
  return unsettled() == 0 && number("CONSUMER.INFO." + stream + "." + consumer, {"delivered", "stream_seq"}) >= stored;
}

std::vector<StoredMessage> ExecutorFixture::letters() {
  std::vector<StoredMessage> found;
  const std::string name = stream + "_dlq";
  if (messages(name) == 0) return found;
  const std::uint64_t first = number("STREAM.INFO." + name, {"state", "first_seq"}),
                      last = number("STREAM.INFO." + name, {"state", "last_seq"});
  for (std::uint64_t seq = first; seq <= last; ++seq)
    if (auto message = parse_stored_message(api("STREAM.MSG.GET." + name, "{\"seq\":" + std::to_string(seq) + "}").json))
      found.push_back(message.value());
  return found;
}

}  // namespace fraiseql::test
