#include <algorithm>

#include "common/errors.hpp"
#include "executor/actions/compile.hpp"
#include "executor/actions/kinds.hpp"
#include "executor/actions/running.hpp"
#include "executor/delivery.hpp"
#include "executor/nats_headers.hpp"
#include "executor/requests.hpp"

namespace fraiseql {
namespace {

constexpr std::size_t longest_subject = 1024;  // bytes

// A publish subject that means itself; empty when it is one. The library checks none: a blank drops the connection.
std::string subject_mistake(std::string_view subject) {
  if (subject.empty()) return "the subject is empty";
  if (subject.size() > longest_subject) return "the subject has more than " + std::to_string(longest_subject) + " bytes";
  if (subject.front() == '.' || subject.back() == '.' || subject.find("..") != subject.npos)
    return "the subject has an empty part: " + std::string(subject);
  for (const char c : subject) {
    if (static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) == 0x7f)
      return "the subject holds a blank or a control character";
    if (c == '*' || c == '>') return "the subject holds a wildcard: " + std::string(subject);
  }
  return {};
}

bool is_under(std::string_view subject, std::string_view prefix) {
  return !prefix.empty() &&
         (subject == prefix || (subject.starts_with(prefix) && subject.substr(prefix.size()).starts_with(".")));
}

/// A publish that waits for the stream's word, not longer than its limit.
class Publish : public Running {
 public:
  Publish(Requests& requests, const std::string& subject, const Headers& headers, const std::string& payload,
          std::chrono::milliseconds limit, Action::Done done)
      : done_(std::make_shared<Action::Done>(std::move(done))) {
    requests.send(subject, headers, payload, limit, [weak = std::weak_ptr(done_), subject, limit](const Requests::Reply& reply) {
      if (const auto kept = weak.lock()) (*kept)(outcome_of(reply, subject, limit));
    });
  }

 private:
  static Outcome outcome_of(const Requests::Reply& reply, const std::string& subject, std::chrono::milliseconds limit) {
    if (reply.kind == Requests::Reply::Kind::timed_out)
      return {Failure::timeout, 0, "NATS: no answer to " + subject + " within " + std::to_string(limit.count()) + " ms", {}};
    if (reply.kind == Requests::Reply::Kind::no_responders)
      return {Failure::network, 0, "NATS: no stream takes the subject " + subject, {}};
    const Stored stored = parse_stored(reply.data);
    if (stored.code != 0) {
      // 4xx is about this message, except 429: the stream has too much to do.
      const bool conclusive = stored.code >= 400 && stored.code < 500 && stored.code != 429 && stored.code != 408;
      return {Failure::network,
              0,
              "NATS: " + subject + ": " + stored.description + " (" + std::to_string(stored.err_code) + ")",
              {},
              conclusive};
    }
    if (stored.seq == 0) return {Failure::network, 0, "NATS: " + subject + ": not stored yet", {}};
    return {};
  }

  std::shared_ptr<Action::Done> done_;
};

class NatsAction : public Action {
 public:
  NatsAction(const ActionConfig& config, const ActionSettings& settings)
      : subject_(compile(config.subject, "subject_template", Template::Place::subject)),
        body_(compile(config.body_template, "body_template",
                      config.body_template.set() ? Template::Place::json : Template::Place::text)),
        has_body_(config.body_template.set()),
        timeout_(config.timeout),
        own_{settings.subject_prefix, settings.dlq_subject_prefix} {
    // As much of it as stands before the first value is the same for every event.
    const std::string& text = config.subject.text;
    const auto mistake = subject_.fixed() ? own_or_wrong(text) : own_subject(text.substr(0, text.find("{{")));
    if (!mistake.empty()) throw ConfigError(config.subject.origin + ": observers.actions.subject_template: " + mistake);
  }

  // The executor's own connection: what it cannot reach now, no other try reaches sooner.
  const std::string& host() const override { return no_host_; }

  std::unique_ptr<Running> start(const Try& attempt, const ActionTools& tools, Done done) const override {
    const auto refuse = [&](Failure failure, const std::string& why) {
      return run_nothing(tools.loop, {failure, 0, why, {}, true}, std::move(done));
    };
    if (!tools.nats) return refuse(Failure::network, "NATS: this executor has no connection to it");
    const std::string subject = fill(subject_, "subject_template", attempt);
    if (const auto mistake = own_or_wrong(subject); !mistake.empty()) return refuse(Failure::unusable_template, mistake);
    const Headers headers = headers_of(attempt);
    const std::string payload = body(attempt);
    if (bytes_of(headers) + payload.size() > static_cast<std::size_t>(std::max<std::int64_t>(tools.nats->max_payload(), 0)))
      return refuse(Failure::network,
                    "NATS: " + std::to_string(payload.size()) + " bytes are more than the server's max_payload");
    return std::make_unique<Publish>(*tools.nats, subject, headers, payload, timeout_, std::move(done));
  }

  std::string preview(const Try& attempt) const override {
    return preview_of([&] { return "nats publish " + fill(subject_, "subject_template", attempt) + " " + body(attempt); });
  }

 private:
  std::string body(const Try& attempt) const {
    return has_body_ ? fill(body_, "body_template", attempt) : attempt.event.message.payload;
  }

  static Headers headers_of(const Try& attempt) {
    Headers headers;
    headers.emplace_back("Nats-Msg-Id",
                         safe_header_value(attempt.event.id + ":" + attempt.observer + ":" + std::to_string(attempt.number)));
    headers.emplace_back("Fraiseql-Event-Id", safe_header_value(attempt.event.id));
    headers.emplace_back("Fraiseql-Observer", safe_header_value(attempt.observer));
    for (const auto& [name, value] : attempt.event.message.headers) {
      if (steers_server(name) || name == "Fraiseql-Event-Id" || name == "Fraiseql-Observer") continue;
      if (name.starts_with("Fraiseql-") || name == "traceparent" || name == "tracestate")
        headers.emplace_back(name, safe_header_value(value));
    }
    return headers;
  }

  // Its own events would come back to the executor, and the server's own subjects are not for messages.
  std::string own_subject(std::string_view subject) const {
    for (const auto& prefix : own_)
      if (is_under(subject, prefix)) return "the subject is under " + prefix + ", the executor's own: a loop";
    if (subject.starts_with("$") || subject.starts_with("_INBOX.")) return "the subject is one of the server's own";
    return {};
  }

  std::string own_or_wrong(std::string_view subject) const {
    auto mistake = subject_mistake(subject);
    return mistake.empty() ? own_subject(subject) : mistake;
  }

  Template subject_, body_;
  bool has_body_;
  std::chrono::milliseconds timeout_;
  std::vector<std::string> own_;
  std::string no_host_;
};

}  // namespace

std::unique_ptr<const Action> make_nats(const ActionConfig& config, const ActionSettings& settings) {
  if (!config.subject.set())
    throw ConfigError(config.origin + ": observers.actions.subject_template: is missing: where to publish");
  return std::make_unique<NatsAction>(config, settings);
}

}  // namespace fraiseql
