#include <sysexits.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "cli/dlq.hpp"
#include "cli/subcommand.hpp"

namespace fraiseql {
namespace {

struct Told {
  DlqOptions options;
  std::string after;
};

std::string after_complaint(const std::string& text) {
  LetterFilter unused;
  return read_after(text, unused);
}

// Before it is converted: strtoull takes -1 for the largest number.
std::string number_complaint(const std::string& text) {
  const bool digits = !text.empty() && text.size() < 20 && text.find_first_not_of("0123456789") == text.npos;
  return digits && text.find_first_not_of('0') != text.npos ? "" : text + ": not the number of a letter";
}

void add_filters(CLI::App& app, Told& told, bool limit) {
  app.add_option("--observer", told.options.filter.observer, "only letters of this observer")->type_name("NAME");
  app.add_option("--entity", told.options.filter.entity, "only letters of this entity")->type_name("NAME");
  app.add_option("--reason", told.options.filter.reason, "only letters of this reason")
      ->type_name("REASON")
      ->check(CLI::IsMember({"action_failed", "max_deliveries", "undecodable", "unpublishable"}));
  app.add_option("--after", told.after,
                 "a number: only letters with a higher one; a time (RFC 3339): only letters stored then or later")
      ->type_name("NUMBER|TIME")
      ->check(after_complaint);
  if (limit)
    app.add_option("--limit", told.options.filter.limit, "so many at most, the oldest first; default all")
        ->type_name("N")
        ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000'000}));
}

CLI::Option* add_numbers(CLI::App& app, Told& told, int most) {
  return app.add_option("number", told.options.numbers, "numbers of letters, as list shows them")
      ->type_name("NUMBER")
      ->expected(1, most)
      ->check(number_complaint);
}

void add_pace(CLI::App& app, Told& told) {
  app.add_flag("--dry-run", told.options.dry_run, "change nothing; print what would run");
  app.add_option("--rate", told.options.rate, "so many letters a second at most; default as fast as they go")
      ->type_name("N")
      ->check(CLI::Range(0.001, 1e6));
}

constexpr const char* retry_text =
    "\nLetters are taken one after the other, the oldest first. Of action_failed the one action runs, of max_deliveries every action "
    "that is not\nknown done, with all the tries of the observer's policy; of unpublishable the row is published again; undecodable "
    "cannot be retried. A letter\ngoes when its retry has succeeded and stays as it is otherwise. SIGTERM and Ctrl-C stop after the one "
    "in hand.\nIt acts as an executor does, and so wants run_executors = true and the secrets of the observers (run_bridge = true and the "
    "database for\nunpublishable letters, which transport postgres does not retry). With --format json a line each: {\"number\", \"result\": done | failed | would_run, \"what\"}.\n";

}  // namespace

std::function<int()> dlq_command(CLI::App& app, const General& general) {
  const auto told = std::make_shared<Told>();
  app.description("dead letters: what could not be done, to look at, to do again, to throw away");
  app.require_subcommand(1);
  app.footer("\nExamples:\n  fraiseql dlq stats\n  fraiseql dlq list --observer ship --limit 20\n  fraiseql dlq show 17\n"
             "  fraiseql dlq retry 17 18\n  fraiseql dlq retry-all --observer ship --dry-run\n  fraiseql dlq remove 17");

  CLI::App* list = app.add_subcommand("list", "a line for each letter, the oldest first");
  add_filters(*list, *told, true);
  list->footer(
      "\nMembers of --format json: {\"letters\": [{number, failed_at, reason, entity, operation, observer, action, attempts, http_status, "
      "error,\nevent_id, stream_seq}]}; null for what a letter does not have.\n\nExamples:\n  fraiseql dlq list\n  fraiseql dlq list "
      "--reason action_failed --entity Order\n  fraiseql dlq list --after 2024-01-15T22:00:00Z\n  fraiseql dlq list --after 1200 --limit 100 "
      "--format json");

  CLI::App* show = app.add_subcommand("show", "all that a letter holds, the event with it");
  add_numbers(*show, *told, 1)->required();
  show->footer(
      "\n--format json: the members of list, subject, stored_at, headers, and payload when it is JSON, else payload_text or, for what is not "
      "UTF-8,\npayload_base64.\n\nExamples:\n  fraiseql dlq show 17\n  fraiseql dlq show 17 --format json | jq .payload.data");

  CLI::App* retry = app.add_subcommand("retry", "do again what these letters are about");
  add_numbers(*retry, *told, -1)->required();
  add_pace(*retry, *told);
  retry->footer(std::string(retry_text) + "\nExamples:\n  fraiseql dlq retry 17 --dry-run\n  fraiseql dlq retry 17 18 21");

  CLI::App* retry_all = app.add_subcommand("retry-all", "do again what all letters are about, or all that the filters let through");
  add_filters(*retry_all, *told, true);
  add_pace(*retry_all, *told);
  retry_all->footer(std::string(retry_text) + "\nExamples:\n  fraiseql dlq retry-all --observer ship --dry-run\n  fraiseql dlq retry-all "
                                              "--reason action_failed --after 2024-01-15T22:00:00Z --rate 5");

  CLI::App* remove = app.add_subcommand("remove", "throw letters away; nothing is asked");
  CLI::Option* numbers = add_numbers(*remove, *told, -1);
  CLI::Option* all = remove->add_flag("--all", told->options.all, "all, or all that the filters let through")->excludes(numbers);
  add_filters(*remove, *told, true);
  for (const char* name : {"--observer", "--entity", "--reason", "--after", "--limit"}) remove->get_option(name)->needs(all);
  remove->footer("\n--format json: {removed, missing: [numbers]}.\n\nExamples:\n  fraiseql dlq remove 17 18\n  fraiseql dlq remove --all --reason "
                 "undecodable\n  fraiseql dlq remove --all");

  CLI::App* stats = app.add_subcommand("stats", "how many letters there are, by reason, observer and entity");
  stats->footer("\n--format json: {stream, letters, bytes, cap, oldest: {number, stored_at}, newest, by_reason, by_observer, by_entity}; cap is null "
                "without one;\nwith transport postgres {table, consumer} in place of stream.\n\nExamples:\n  fraiseql dlq stats\n  fraiseql dlq stats --format json");

  for (CLI::App* sub : app.get_subcommands({})) sub->fallthrough();
  return [told, list, show, retry, retry_all, remove, numbers, &general] {
    DlqOptions& options = told->options;
    if (!told->after.empty()) read_after(told->after, options.filter);
    if (list->parsed()) return dlq_list(general, options, std::cout);
    if (show->parsed()) return dlq_show(general, options, std::cout);
    if (retry->parsed()) return dlq_retry(general, options, std::cout);
    if (retry_all->parsed()) {
      options.all = true;
      return dlq_retry(general, options, std::cout);
    }
    if (remove->parsed()) {
      if (numbers->count() == 0 && !options.all) {
        std::cerr << "fraiseql: remove: the numbers of letters, or --all; see fraiseql dlq remove --help" << std::endl;
        return EX_USAGE;
      }
      return dlq_remove(general, options, std::cout);
    }
    return dlq_stats(general, std::cout);
  };
}

}  // namespace fraiseql
