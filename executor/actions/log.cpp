#include <optional>

#include "common/log.hpp"
#include "executor/actions/compile.hpp"
#include "executor/actions/kinds.hpp"
#include "executor/actions/running.hpp"

namespace fraiseql {
namespace {

constexpr std::size_t longest_message = 16 * 1024;  // bytes; a log line is no place for a whole payload

class LogAction : public Action {
 public:
  explicit LogAction(const ActionConfig& config)
      : line_(config.level == "error"   ? log::error
              : config.level == "warn"  ? log::warn
              : config.level == "debug" ? log::debug
                                        : log::info) {
    if (config.message_template.set())
      message_.emplace(compile(config.message_template, "message_template", Template::Place::text));
  }

  const std::string& host() const override { return no_host_; }

  std::unique_ptr<Running> start(const Try& attempt, const ActionTools& tools, Done done) const override {
    const Event& event = attempt.event;
    line_(message(attempt), {{"observer", attempt.observer},
                             {"event", event.view.event},
                             {"entity", event.view.entity},
                             {"entity_id", event.message.header("Fraiseql-Entity-Id")},
                             {"event_id", event.id},
                             {"timestamp", event.view.timestamp}});
    return run_nothing(tools.loop, Outcome{}, std::move(done));
  }

  std::string preview(const Try& attempt) const override {
    return preview_of(
        [&] { return "log " + (message_ ? message(attempt) : attempt.event.view.event + " " + attempt.event.view.entity); });
  }

 private:
  std::string message(const Try& attempt) const {
    if (!message_) return "event";
    std::string text = fill(*message_, "message_template", attempt);
    if (text.size() > longest_message)
      throw Unrenderable("the message is longer than " + std::to_string(longest_message) + " bytes");
    return text;
  }

  void (*line_)(std::string_view, log::Fields);
  std::string no_host_;
  std::optional<Template> message_;
};

}  // namespace

std::unique_ptr<const Action> make_log(const ActionConfig& config, const ActionSettings&) {
  return std::make_unique<LogAction>(config);
}

}  // namespace fraiseql
