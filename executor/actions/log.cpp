#include "common/log.hpp"
#include "common/errors.hpp"
#include "executor/actions/kinds.hpp"
#include "executor/actions/running.hpp"

namespace fraiseql {
namespace {

class LogAction : public Action {
 public:
  explicit LogAction(const std::string& level)
      : line_(level == "error"   ? log::error
              : level == "warn"  ? log::warn
              : level == "debug" ? log::debug
                                 : log::info) {}

  const std::string& host() const override { return no_host_; }

  std::unique_ptr<Running> start(const Try& attempt, const ActionTools& tools, Done done) const override {
    const Event& event = attempt.event;
    line_("event", {{"observer", attempt.observer},
                    {"event", event.view.event},
                    {"entity", event.view.entity},
                    {"entity_id", event.message.header("Fraiseql-Entity-Id")},
                    {"event_id", event.id},
                    {"timestamp", event.view.timestamp}});
    return run_nothing(tools.loop, Outcome{}, std::move(done));
  }

  std::string preview(const Try& attempt) const override {
    return "log " + attempt.event.view.event + " " + attempt.event.view.entity;
  }

 private:
  void (*line_)(std::string_view, log::Fields);
  std::string no_host_;
};

}  // namespace

std::unique_ptr<const Action> make_log(const ActionConfig& config, const ActionSettings&) {
  if (config.message_template.set())
    throw ConfigError(config.message_template.origin + ": observers.actions.message_template: not supported yet");
  return std::make_unique<LogAction>(config.level);
}

}  // namespace fraiseql
