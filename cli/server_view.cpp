#include "cli/server_view.hpp"

#include <rapidjson/document.h>

#include "common/errors.hpp"
#include "common/nats/link.hpp"

namespace fraiseql {
namespace {

constexpr int consumer_not_found = 10014, stream_not_found = 10059;

std::optional<ServerView::Consumer> consumer_of(const nats::Link& link, const std::string& stream, const std::string& name) {
  const nats::ApiAnswer answer = link.api("CONSUMER.INFO." + stream + "." + name);
  if (answer.err_code == consumer_not_found || answer.err_code == stream_not_found) return std::nullopt;
  if (answer.failed()) throw Unavailable("look at consumer " + name + ": " + answer.description);
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag>(answer.json.data(), answer.json.size());
  const auto number = [&](const char* member) -> std::uint64_t {
    if (document.HasParseError() || !document.IsObject()) return 0;
    const auto found = document.FindMember(member);
    return found != document.MemberEnd() && found->value.IsUint64() ? found->value.GetUint64() : 0;
  };
  return ServerView::Consumer{number("num_pending"), number("num_ack_pending"), number("num_redelivered"), number("num_waiting")};
}

}  // namespace

ServerView look_at_servers(const Settings& settings, const std::string& no_healthd) {
  const NatsConfig nats = nats_config(settings);
  ServerView view;
  view.transport = settings.transport();
  view.stream_name = nats.stream_name;
  view.consumer_name = nats.consumer_name;
  view.reader_name = view.transport == "postgres" ? nats.consumer_name : settings.text("transport.bridge.transport_name");
  view.no_healthd = no_healthd;
  view.asked_postgres = view.transport != "in_memory" && (settings.has("database.url") || settings.run_bridge() || view.transport == "postgres");
  view.asked_nats = view.transport == "nats";
  if (view.asked_postgres) {
    const std::string url = database_url(settings);
    try {
      view.reader = look_at_reader(url, view.reader_name);
      if (view.transport == "postgres" && view.reader->schema) view.letters = static_cast<std::uint64_t>(view.reader->letters);
    } catch (const Unavailable& e) {
      view.no_postgres = e.what();
    }
  }
  if (view.asked_nats) {
    try {
      const nats::Link link(nats, nats::Link::Reconnect::never, "fraiseql status");
      view.stream = nats::stream_info(link, nats.stream_name);
      view.consumer = consumer_of(link, nats.stream_name, nats.consumer_name);
      const auto letters = nats::stream_info(link, nats.stream_name + "_dlq");
      view.letters = letters ? letters->messages : 0;
    } catch (const Unavailable& e) {
      view.no_nats = e.what();
    }
  }
  return view;
}

}  // namespace fraiseql
