#include "cli/status.hpp"

#include <sysexits.h>
#include <unistd.h>

#include <cstdlib>
#include <ostream>

#include "cli/healthd_client.hpp"
#include "cli/server_view.hpp"
#include "cli/status_text.hpp"
#include "cli/subcommand.hpp"
#include "cli/terminal.hpp"
#include "common/config.hpp"
#include "common/stop.hpp"

namespace fraiseql {
namespace {

using namespace std::chrono_literals;

std::string json_now(const Settings& settings, const std::string& address) {
  auto answer = ask_healthd(address);
  return answer ? std::move(answer).value() : json_of(look_at_servers(settings, answer.error().what));
}

}  // namespace

int status(const General& general, const StatusOptions& options, std::ostream& out) {
  Sources sources = general.sources;
  sources.users = for_healthd | for_bridge;  // a webhook's secret need not be set to look
  const Settings settings = load(sources);
  const std::string address = options.healthd.empty() ? settings.text("health.listen") : options.healthd;
  const bool terminal = isatty(STDOUT_FILENO) != 0;
  const auto show = [&](const std::string& json) {
    if (general.json) out << json << "\n";
    else out << status_text(json, line_width(), terminal && !std::getenv("NO_COLOR"));
    out.flush();
  };
  if (!options.watch) {
    const std::string json = json_now(settings, address);
    show(json);
    return is_well(json) ? EX_OK : 1;
  }
  StopSignal stop;
  do {
    const std::string json = json_now(settings, address);
    if (terminal && !general.json) out << "\x1b[H\x1b[2J";
    show(json);
    if (!terminal && !general.json) out << "\n";
  } while (out.good() && !stop.wait_for(1s));
  return EX_OK;
}

}  // namespace fraiseql
