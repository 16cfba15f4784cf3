#include <optional>

#include "common/config/action_rules.hpp"
#include "common/config/mistakes.hpp"
#include "common/errors.hpp"
#include "common/log.hpp"
#include "common/text.hpp"
#include "executor/actions/destination.hpp"
#include "executor/actions/kinds.hpp"
#include "executor/actions/running.hpp"
#include "executor/actions/webhook_headers.hpp"
#include "executor/language/escape.hpp"
#include "executor/signing.hpp"

namespace fraiseql {
namespace {

constexpr std::size_t longest_value = 8192;         // bytes of one rendered header
constexpr std::size_t longest_headers = 32 * 1024;  // bytes of all headers that a user wrote; servers take 8 to 64 KiB
constexpr std::string_view json_type = "application/json";

/// How values are escaped in a body of this type.
Template::Place place_of(std::string_view content_type) {
  std::string type = lower_case(content_type.substr(0, content_type.find(';')));
  while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) type.pop_back();
  if (type == json_type || type.ends_with("+json")) return Template::Place::json;
  return type == "application/x-www-form-urlencoded" ? Template::Place::url : Template::Place::text;
}

class WebhookAction : public Action {
 public:
  explicit WebhookAction(const ActionConfig& config)
      : method_(config.method), timeout_(config.timeout), destination_(config.url, "url", config.url_secret) {
    for (const auto& [name, value] : config.headers) add_header(name, value, config.body_template.set());
    if (config.body_template.set()) body_.emplace(compile(config.body_template, "body_template", place_of(content_type_)));
    if (!config.signing_secrets.empty()) try {
        signer_.emplace(config.signing_secrets);
      } catch (const ConfigError& e) {
        throw ConfigError(config::mistake_line(config.origin, "observers.actions.signing_secret_env", e.what()));
      }
  }

  const std::string& host() const override { return destination_.host(); }

  std::unique_ptr<Running> start(const Try& attempt, const ActionTools& tools, Done done) const override {
    const StoredMessage& message = attempt.event.message;
    const std::int64_t now = std::chrono::duration_cast<std::chrono::seconds>(attempt.now.time_since_epoch()).count();
    std::optional<std::string> body;
    if (body_) body = fill(*body_, "body_template", attempt);
    const std::string_view sent = body ? std::string_view(*body) : std::string_view(message.payload);
    HttpRequest request{
        method_, destination_.url(attempt), {header_line("Content-Type", content_type_)}, message.payload, timeout_};
    for (auto& header : webhook_headers(attempt.observer, message, attempt.attempt, now))
      request.headers.push_back(std::move(header));
    if (signer_) {
      std::string id;  // as it is sent
      escape::line(id, event_id(message));
      request.headers.push_back("webhook-signature: " + signer_->standard(id, now, sent));
      request.headers.push_back("X-FraiseQL-Signature-256: " + signer_->fraiseql(now, sent));
    }
    add_headers(request, attempt);
    return run_request(tools.http, std::move(request), std::move(body), std::move(done));
  }

  std::string preview(const Try& attempt) const override {
    return preview_of([&] {
      return method_ + " " + destination_.shown(attempt) + " " +
             (body_ ? fill(*body_, "body_template", attempt) : attempt.event.message.payload);
    });
  }

 private:
  struct Header {
    std::string name;
    Template value;
  };

  void add_header(const std::string& name, const Placed& value, bool own_body) {
    const auto fail = [&](const std::string& what) {
      throw ConfigError(config::mistake_line(value.origin, "observers.actions.headers." + name, what));
    };
    if (!config::is_header_name(name) || config::is_own_header(name)) fail("this header is set by the executor, or is none");
    // What authorizes a request stands in headers: their text is shown to nobody.
    Template made = compile(value, "headers." + name, Template::Place::header, true);
    const bool type = lower_case(name) == "content-type";
    if (type && own_body) {
      if (!made.fixed()) fail("Content-Type says how values are escaped, and so cannot be a template");
      content_type_ = made.beginning();
    } else if (type) {
      log::warn("without a body_template Content-Type is ours; what the observer has for it is not sent",
                {{"header", name}, {"at", value.origin}});
    } else {
      headers_.push_back({name, std::move(made)});
    }
  }

  void add_headers(HttpRequest& request, const Try& attempt) const {
    std::size_t bytes = 0;
    for (const auto& [name, value] : headers_) {
      const std::string text = fill(value, "headers", attempt);
      bytes += name.size() + text.size();
      if (text.size() > longest_value)
        throw Unrenderable("header " + name + " is longer than " + std::to_string(longest_value) + " bytes");
      if (bytes > longest_headers)
        throw Unrenderable("the headers are longer than " + std::to_string(longest_headers) + " bytes");
      request.headers.push_back(header_line(name, text));
    }
  }

  std::string method_;
  milliseconds timeout_;
  Destination destination_;
  std::string content_type_{json_type};
  std::vector<Header> headers_;
  std::optional<Template> body_;
  std::optional<Signer> signer_;
};

}  // namespace

std::unique_ptr<const Action> make_webhook(const ActionConfig& config, const ActionSettings&) {
  return std::make_unique<WebhookAction>(config);
}

}  // namespace fraiseql
