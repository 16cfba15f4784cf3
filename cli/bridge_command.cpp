#include <sysexits.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "cli/bridge_place.hpp"
#include "cli/subcommand.hpp"
#include "cli/time_text.hpp"
#include "common/config.hpp"
#include "common/errors.hpp"

namespace fraiseql {
namespace {

BridgeConfig settings_of(const General& general) {
  Sources sources = general.sources;
  sources.users = for_bridge;
  const Settings settings = load(sources);
  if (settings.transport() != "nats")
    throw ConfigError(settings.origin("transport.transport") + ": transport.transport: " + settings.transport() + ": there is no bridge without NATS");
  return bridge_elsewhere(settings);
}

void tell(const General& general, const Moved& moved, bool dry_run) {
  if (general.json) {
    std::cout << "{\"from_pk\":" << moved.from_pk << ",\"to_pk\":" << moved.to_pk << ",\"skips_after_seq\":" << moved.skips_after_seq
              << ",\"adopted\":" << moved.adopted << ",\"dry_run\":" << (dry_run ? "true" : "false") << "}" << std::endl;
    return;
  }
  if (moved.adopted > 0) std::cout << moved.adopted << " rows were written elsewhere; they belong to this database now\n";
  std::cout << "the checkpoint moves from pk " << moved.from_pk << " to pk " << moved.to_pk << "; what waits there is published unless the stream holds it";
  if (moved.skips_after_seq > 0) std::cout << " behind sequence " << moved.skips_after_seq;
  std::cout << (dry_run ? "\nnothing was changed (--dry-run)" : "\na bridge that runs takes it up within half a minute") << std::endl;
}

int answered(const General& general, bool dry_run, const std::function<Moved()>& work) try {
  tell(general, work(), dry_run);
  return EX_OK;
} catch (const NotMoved& e) {
  std::cerr << "fraiseql: " << e.what() << std::endl;
  return 1;
}

// Before it is converted: what looks like octal or hexadecimal would be another number.
std::string pk_complaint(const std::string& text) {
  const bool digits = !text.empty() && text.size() < 19 && text.find_first_not_of("0123456789") == text.npos;
  return digits && (text == "0" || text.front() != '0') ? "" : text + ": not a pk";
}

std::string time_complaint(const std::string& text) {
  return rfc3339_time(text) ? "" : text + ": not a time such as 2024-01-15T10:30:00Z";
}

void add_dry_run(CLI::App& app, bool& dry_run) { app.add_flag("--dry-run", dry_run, "change nothing; print what would be done"); }

constexpr const char* members = "\n--format json: {from_pk, to_pk, skips_after_seq, adopted, dry_run}.\n";

std::function<int()> rewind_command(CLI::App& app, const General& general) {
  const auto to = std::make_shared<RewindTo>();
  app.description("after the broker has lost messages: where to publish again from. Nothing that the stream still holds is repeated");
  auto* place = app.add_option_group("place", "exactly one of them")->require_option(1);
  place->add_option("--to-pk", to->pk, "publish again what stands above this pk of the change log")->type_name("N")->check(pk_complaint);
  place->add_option("--to-time", to->time, "go back to the newest checkpoint that was saved at this time or before (RFC 3339)")
      ->type_name("TIME")
      ->check(time_complaint);
  place->add_flag("--accept", to->accept, "go on from the checkpoint without what is lost");
  add_dry_run(app, to->dry_run);
  app.footer(std::string(members) + "\nExamples:\n  fraiseql bridge rewind --to-time 2024-01-15T02:45:00+01:00 --dry-run\n"
                                    "  fraiseql bridge rewind --to-pk 1200000\n  fraiseql bridge rewind --accept");
  return [to, &general] { return answered(general, to->dry_run, [&] { return rewind_bridge(settings_of(general), *to); }); };
}

std::function<int()> adopt_command(CLI::App& app, const General& general) {
  const auto from = std::make_shared<AdoptFrom>();
  app.description("make a copied or restored database one of its own, once the original is out of use");
  app.add_option("--from-pk", from->pk,
                 "publish what stands above this pk too, unless the stream holds it; not given: what the copied checkpoint had not done, and "
                 "when the stream is not known by its last message all above the first one that it has of this transport")
      ->type_name("N")
      ->check(pk_complaint);
  add_dry_run(app, from->dry_run);
  app.footer(std::string(members) + "\nExamples:\n  fraiseql bridge adopt --dry-run\n  fraiseql bridge adopt --from-pk 1200000");
  return [from, &general] { return answered(general, from->dry_run, [&] { return adopt_database(settings_of(general), *from); }); };
}

}  // namespace

std::function<int()> bridge_command(CLI::App& app, const General& general) {
  app.description("where the bridge stands in the change log, after the broker or the database is not what it was");
  app.require_subcommand(1);
  app.footer("\nExamples:\n  fraiseql bridge rewind --to-pk 1200000 --dry-run\n  fraiseql bridge adopt");
  const auto chosen = std::make_shared<std::function<int()>>();
  CLI::App* rewind = app.add_subcommand("rewind")->fallthrough();
  rewind->callback([chosen, run = rewind_command(*rewind, general)] { *chosen = run; });
  CLI::App* adopt = app.add_subcommand("adopt")->fallthrough();
  adopt->callback([chosen, run = adopt_command(*adopt, general)] { *chosen = run; });
  return [chosen] { return (*chosen)(); };
}

}  // namespace fraiseql
