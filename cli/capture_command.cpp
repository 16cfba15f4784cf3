#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "cli/capture.hpp"
#include "cli/subcommand.hpp"

namespace fraiseql {
namespace {

CLI::Option* add_table(CLI::App& app, CaptureOptions& options) {
  return app.add_option("table", options.table, "name or schema.name as in SQL: what has upper case letters stands in double quotes")
      ->type_name("TABLE")
      ->required()
      ->check(table_complaint);
}

}  // namespace

std::function<int()> capture_command(CLI::App& app, const General& general) {
  const auto options = std::make_shared<CaptureOptions>();
  app.description("triggers that write the change log for tables that no app writes outbox rows for");
  app.require_subcommand(1);
  app.footer("\nExamples:\n  fraiseql capture add shop.orders --entity Order --pre-image\n  fraiseql capture list\n  fraiseql capture remove shop.orders");

  CLI::App* add = app.add_subcommand("add", "from now on every change of this table goes into the change log");
  add_table(*add, *options);
  add->add_option("--entity", options->entity, "what the changes are called: object_type in the change log, a part of the subject")
      ->type_name("NAME")
      ->required()
      ->check(entity_complaint);
  add->add_flag("--pre-image", options->pre_image, "UPDATE and DELETE carry the row as it was before, too");
  add->footer(
      "\nThe key goes into object_id when it is one column that is a UUID, else as text into extra_metadata.entity_key (several columns: a "
      "JSON array).\nA partitioned table is captured with its partitions; after new ones were made, the same command again adds them. Rows "
      "that are there already\nare not sent. Not captured: TRUNCATE, and what a session with session_replication_role = replica writes. "
      "Changes made while\nfraiseql.cdc_mediated is 'on' are FraiseQL's own, which writes their rows itself.\nWriters wait for half a second "
      "at most, now and then, until the lock is got. The role needs the right TRIGGER on the table and EXECUTE\non "
      "core.fn_capture_change(); writers need nothing but their rights on the table.\n"
      "--format json: {table, entity, key, key_in, pre_image, partitions, not_captured, notes}. Exit code 1: this table cannot be captured, or is "
      "already.\n\nExamples:\n  fraiseql capture add shop.orders --entity Order\n  fraiseql capture add '\"Shop\".\"Order Lines\"' --entity OrderLine "
      "--pre-image");

  CLI::App* list = app.add_subcommand("list", "the captured tables, and what is wrong with any of them");
  list->footer(
      "\n--format json: {\"tables\": [{table, entity, key, key_in, pre_image, partitions, problems}]}. Exit code 1: there is a problem.\n\n"
      "Examples:\n  fraiseql capture list\n  fraiseql capture list --format json");

  CLI::App* remove = app.add_subcommand("remove", "from now on changes of this table do not go into the change log");
  add_table(*remove, *options);
  remove->footer(
      "\nWhat is in the change log stays, and is published. Readers and writers wait for half a second at most, now and then. The role must own the "
      "table.\n--format json: {table, removed}. Exit code 1: it is not captured.\n\nExamples:\n  fraiseql capture remove shop.orders");

  for (CLI::App* sub : app.get_subcommands({})) sub->fallthrough();
  return [options, add, remove, &general] {
    if (add->parsed()) return capture_add(general, *options, std::cout);
    if (remove->parsed()) return capture_remove(general, *options, std::cout);
    return capture_list(general, std::cout);
  };
}

}  // namespace fraiseql
