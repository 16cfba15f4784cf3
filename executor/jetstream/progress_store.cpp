#include "executor/jetstream/progress_store.hpp"

#include "executor/jetstream/acks.hpp"
#include "executor/progress.hpp"

namespace fraiseql {

using namespace std::chrono_literals;

namespace {
constexpr int message_not_found = 10037;
constexpr int stream_not_found = 10059;
}  // namespace

std::string JetStreamProgress::subject(const std::string& event_id) const {
  return "$KV." + bucket_ + "." + progress_key(event_id);
}

void JetStreamProgress::load(const std::string& event_id, std::function<void(std::optional<std::string>)> loaded) {
  requests_.send(
      "$JS.API.STREAM.MSG.GET.KV_" + bucket_, {}, "{\"last_by_subj\":\"" + subject(event_id) + "\"}", 5s,
      [this, loaded = std::move(loaded)](const Requests::Reply& reply) {
        const Stored error = reply.kind == Requests::Reply::Kind::answer ? parse_stored(reply.data) : Stored{0, 503, 0, "", false};
        if (error.err_code == stream_not_found) missing_();
        if (error.err_code == message_not_found || error.err_code == stream_not_found) return loaded("");
        if (error.code != 0) return loaded(std::nullopt);
        const auto kept = parse_stored_message(reply.data);
        loaded(kept && kept.value().header("KV-Operation").empty() ? kept.value().payload : "");
      });
}

void JetStreamProgress::save(const std::string& event_id, const std::string& json, std::chrono::milliseconds limit,
                             std::function<void(bool)> saved) {
  requests_.send(subject(event_id), {}, json, limit, [this, saved = std::move(saved)](const Requests::Reply& reply) {
    if (reply.kind == Requests::Reply::Kind::no_responders) missing_();
    if (reply.kind != Requests::Reply::Kind::answer) return saved(false);
    const Stored stored = parse_stored(reply.data);
    saved(stored.code == 0 && stored.seq > 0);
  });
}

void JetStreamProgress::forget(const std::string& event_id) {
  acks_.once_sent([this, subject = subject(event_id)] {
    requests_.send(subject, {{"KV-Operation", "PURGE"}, {"Nats-Rollup", "sub"}}, "", 5s, [](const Requests::Reply&) {});
  });
}

}  // namespace fraiseql
