#include "executor/actions/compile.hpp"

#include "common/config/mistakes.hpp"
#include "common/errors.hpp"
#include "common/log.hpp"
#include "executor/language/caret.hpp"
#include "executor/language/mistake.hpp"
#include "executor/tally.hpp"

namespace fraiseql {

Template compile(const Placed& text, std::string_view key, Template::Place place, bool secret) {
  try {
    return Template(text.text, place);
  } catch (const Mistake& e) {
    const std::string what = secret ? std::string(e.what()) + " (byte " + std::to_string(e.at() + 1) + ")" : e.what();
    throw ConfigError(config::mistake_line(text.origin, "observers.actions." + std::string(key), what) +
                      (secret ? "" : "\n" + with_caret(text.text, e.at())));
  }
}

std::string fill(const Template& text, std::string_view key, const Try& attempt) {
  return text.render(attempt.event, [&](std::string_view name) {
    if (attempt.tally && attempt.tally->unknown_name(attempt.observer, name))
      log::warn("a template names what an event does not have: an empty text stands for it",
                {{"observer", attempt.observer}, {"key", key}, {"name", name}, {"event_id", attempt.event.id}});
  });
}

std::string preview_of(const std::function<std::string()>& show) {
  try {
    return show();
  } catch (const Unrenderable& e) {
    return std::string("cannot be done: ") + e.what();
  }
}

}  // namespace fraiseql
