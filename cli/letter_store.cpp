#include "cli/letter_store.hpp"

#include "common/config.hpp"
#include "common/errors.hpp"

namespace fraiseql {

std::unique_ptr<LetterStore> open_letters(const General& general) {
  Sources sources = general.sources;
  sources.users = for_bridge;  // a webhook's secret need not be set to look at letters
  const Settings settings = load(sources);
  if (settings.transport() == "nats") return stream_letters(settings);
  if (settings.transport() == "postgres") return table_letters(settings);
  throw ConfigError(settings.origin("transport.transport") + ": transport.transport: " + settings.transport() +
                    ": keeps no dead letters, each is an error line of its executor; fraiseql dlq is for nats and postgres");
}

}  // namespace fraiseql
