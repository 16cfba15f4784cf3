#include <optional>

#include "executor/actions/destination.hpp"
#include "executor/actions/kinds.hpp"
#include "executor/actions/running.hpp"
#include "executor/actions/webhook_headers.hpp"
#include "executor/language/escape.hpp"

namespace fraiseql {
namespace {

class SlackAction : public Action {
 public:
  explicit SlackAction(const ActionConfig& config)
      : timeout_(config.timeout), destination_(config.url, "webhook_url", config.url_secret), channel_(config.channel) {
    if (config.message_template.set())
      message_.emplace(compile(config.message_template, "message_template", Template::Place::chat));
  }

  const std::string& host() const override { return destination_.host(); }

  std::unique_ptr<Running> start(const Try& attempt, const ActionTools& tools, Done done) const override {
    const std::int64_t now = std::chrono::duration_cast<std::chrono::seconds>(attempt.now.time_since_epoch()).count();
    HttpRequest request{"POST", destination_.url(attempt), {"Content-Type: application/json"}, {}, timeout_};
    for (auto& header : webhook_headers(attempt.observer, attempt.event.message, attempt.attempt, now))
      request.headers.push_back(std::move(header));
    return run_request(tools.http, std::move(request), body(attempt), std::move(done));
  }

  std::string preview(const Try& attempt) const override {
    return preview_of([&] { return "POST " + destination_.shown(attempt) + " " + body(attempt); });
  }

 private:
  std::string body(const Try& attempt) const {
    std::string made = "{\"text\":\"";
    escape::json_text(made, message_ ? fill(*message_, "message_template", attempt) : default_message(attempt.event));
    made += '"';
    if (!channel_.empty()) {
      made += ",\"channel\":\"";
      escape::json_text(made, channel_);
      made += '"';
    }
    return made + "}";
  }

  // UPDATE Order 7 (2024-01-15T10:30:00Z)
  static std::string default_message(const Event& event) {
    std::string plain = event.view.event + " " + event.view.entity;
    if (const auto id = event.message.header("Fraiseql-Entity-Id"); !id.empty()) plain += " " + std::string(id);
    plain += " (" + event.view.timestamp + ")";
    std::string whole, made;
    escape::utf8(whole, plain);
    escape::chat(made, whole);
    return made;
  }

  milliseconds timeout_;
  Destination destination_;
  std::string channel_;
  std::optional<Template> message_;
};

}  // namespace

std::unique_ptr<const Action> make_slack(const ActionConfig& config, const ActionSettings&) {
  return std::make_unique<SlackAction>(config);
}

}  // namespace fraiseql
