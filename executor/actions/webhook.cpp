#include "common/errors.hpp"
#include "executor/actions/kinds.hpp"
#include "executor/actions/running.hpp"
#include "executor/actions/webhook_headers.hpp"

namespace fraiseql {
namespace {

class WebhookAction : public Action {
 public:
  explicit WebhookAction(const ActionConfig& config) : config_(config), host_(host_of(config.url.text)) {}

  const std::string& host() const override { return host_; }

  std::unique_ptr<Running> start(const Try& attempt, const ActionTools& tools, Done done) const override {
    const StoredMessage& message = attempt.event.message;
    const HttpRequest request{config_.method, config_.url.text,
                              webhook_headers(config_, attempt.observer, message, attempt.attempt, attempt.now), message.payload,
                              config_.timeout};
    return run_request(tools.http, request, std::nullopt, std::move(done));
  }

  std::string preview(const Try& attempt) const override {
    return config_.method + " " + (config_.url_secret ? host_ : config_.url.text) + " " + attempt.event.message.payload;
  }

 private:
  ActionConfig config_;
  std::string host_;
};

}  // namespace

std::unique_ptr<const Action> make_webhook(const ActionConfig& config, const ActionSettings&) {
  if (config.body_template.set())
    throw ConfigError(config.body_template.origin + ": observers.actions.body_template: not supported yet");
  if (config.url.text.find("{{") != config.url.text.npos)
    throw ConfigError(config.url.origin + ": observers.actions.url: templates: not supported yet");
  if (!config.signing_secrets.empty())
    throw ConfigError(config.origin + ": observers.actions.signing_secret_env: not supported yet");
  for (const auto& [name, value] : config.headers)
    if (value.text.find("{{") != value.text.npos)
      throw ConfigError(value.origin + ": observers.actions.headers: templates: not supported yet");
  for (const auto& [name, value] : config.headers)
    if (const auto mistake = header_mistake(name, value.text); !mistake.empty())
      throw ConfigError(value.origin + ": observers.actions.headers: " + mistake);
  try {
    return std::make_unique<WebhookAction>(config);
  } catch (const ConfigError& e) {
    throw ConfigError(config.url.origin + ": observers.actions.url: " + e.what());
  }
}

}  // namespace fraiseql
