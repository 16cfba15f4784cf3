// Where a reader of the change log stands, where it stood, and where it is put.
#include <algorithm>
#include <limits>

#include "common/change_log_detail.hpp"

namespace fraiseql {

using change_log::checkpoint_columns;
using change_log::checkpoint_in;
using change_log::null_if_empty;
using change_log::translated;

namespace {

// What no server has: the checkpoint belongs to no database until its rows are adopted.
constexpr std::int64_t nobody = -1;
constexpr std::int64_t no_limit = std::numeric_limits<std::int64_t>::max();

constexpr const char* all_seen = "9223372036854775807:9223372036854775807:";  // the snapshot after every transaction

// A row that a reader has not done. $1: S1, $2: S2, $3: last pk, see waits_at().
constexpr const char* waits =
    "(NOT pg_visible_in_snapshot(xact_id, $1::pg_snapshot) AND (NOT pg_visible_in_snapshot(xact_id, $2::pg_snapshot) OR "
    "pk_entity_change_log > $3::bigint))";
Params waits_at(const Place& place) {
  const bool only_pk = place.snapshot.empty() && place.window_snapshot.empty();
  const std::string seen = place.snapshot.empty() ? change_log::nothing_seen : place.snapshot;
  return {seen, only_pk ? all_seen : place.window_snapshot.empty() ? seen : place.window_snapshot, std::to_string(place.last_pk)};
}

constexpr const char* foreign = "xact_id >= pg_snapshot_xmax(pg_current_snapshot())";

// Rows of another database in batches. $4: above this pk, $5: up to this one, $6: what is at home is below it, $7: of the rows
// up to this pk only those that do not wait.
std::string adopt_some() {
  return std::string("WITH chosen AS (SELECT pk_entity_change_log AS pk FROM core.tb_entity_change_log WHERE pk_entity_change_log > $4 AND "
                     "pk_entity_change_log <= $5 AND xact_id >= $6::xid8 AND NOT (pk_entity_change_log <= $7::bigint AND ") +
         waits +
         ") ORDER BY pk_entity_change_log LIMIT 5000), adopted AS (UPDATE core.tb_entity_change_log l SET xact_id = pg_current_xact_id() FROM "
         "chosen WHERE l.pk_entity_change_log = chosen.pk RETURNING chosen.pk) SELECT count(*), max(pk) FROM adopted";
}

}  // namespace

Checkpoint change_log::checkpoint_in(const Rows& rows, int row) {
  Checkpoint found;
  found.cursor = rows.integer(row, 0);
  found.place.snapshot = rows.text(row, 1);
  found.place.window_snapshot = rows.text(row, 2);
  if (!found.place.window_snapshot.empty())
    found.place.last_pk = rows.integer(row, 3);
  else if (found.place.snapshot.empty())
    found.place.last_pk = found.cursor;
  found.epoch = rows.integer(row, 4);
  found.stream_seq = rows.integer(row, 5);
  found.stream_msg_id = rows.text(row, 6);
  found.system_identifier = rows.integer(row, 7);
  found.tail_seq = rows.integer(row, 8);
  return found;
}

std::optional<Checkpoint> ChangeLog::known_checkpoint() {
  return translated("read the checkpoint", [&]() -> std::optional<Checkpoint> {
    const Rows row = postgres_.exec(
        std::string("SELECT ") + checkpoint_columns + " FROM core.tb_transport_checkpoint WHERE transport_name = $1", {transport_name_});
    if (row.empty()) return std::nullopt;
    return checkpoint_in(row, 0);
  });
}

void ChangeLog::confirm_epoch(std::int64_t epoch) {
  translated("confirm the epoch", [&] {
    if (postgres_
            .exec("SELECT 1 FROM core.tb_transport_checkpoint WHERE transport_name = $1 AND epoch = $2",
                  {transport_name_, std::to_string(epoch)})
            .empty())
      throw SessionOver("the checkpoint of " + transport_name_ + " has another epoch than " + std::to_string(epoch) +
                        ": another process leads, or a rewind was asked for");
  });
}

std::vector<HistoryEntry> ChangeLog::history(const std::string& until) {
  return translated("read the history of the checkpoint", [&] {
    const Rows rows = postgres_.exec(std::string("SELECT ") + checkpoint_columns +
                                         ", saved_at FROM core.tb_transport_checkpoint_history WHERE transport_name = $1 AND stream_seq > 0 "
                                         "AND saved_at <= $2::timestamptz ORDER BY saved_at DESC, stream_seq DESC",
                                     {transport_name_, until});
    std::vector<HistoryEntry> entries;
    for (int row = 0; row < rows.size(); ++row)
      entries.push_back({checkpoint_in(rows, row), std::string(rows.text(row, change_log::checkpoint_column_count))});
    return entries;
  });
}

void ChangeLog::put(const Checkpoint& to, const Kept& kept, std::optional<std::int64_t> under_epoch) {
  const bool window_open = !to.place.window_snapshot.empty();
  // The place itself: greatest() is for the usual saves.
  const Rows moved = postgres_.exec(
      "UPDATE core.tb_transport_checkpoint SET last_pk = $2, snapshot = $3, window_snapshot = $4, window_pk = $5, stream_seq = $6, "
      "stream_msg_id = $7, tail_seq = $8, system_identifier = $9, updated_at = now(), epoch = coalesce($10::bigint, epoch + 1, 1) "
      "WHERE transport_name = $1 AND epoch IS NOT DISTINCT FROM coalesce($10::bigint, epoch)",
      {transport_name_, std::to_string(to.cursor), null_if_empty(to.place.snapshot), null_if_empty(to.place.window_snapshot),
       window_open ? std::optional(std::to_string(to.place.last_pk)) : std::nullopt,
       to.stream_seq > 0 ? std::optional(std::to_string(to.stream_seq)) : std::nullopt, null_if_empty(to.stream_msg_id),
       to.stream_seq > 0 ? std::optional(std::to_string(to.tail_seq)) : std::nullopt, std::to_string(to.system_identifier),
       under_epoch ? std::optional(std::to_string(*under_epoch)) : std::nullopt});
  if (moved.affected() != 1) throw SessionOver("the checkpoint of " + transport_name_ + " is not as it was a moment ago");
  // After the UPDATE, whose lock keeps the leader from adding an entry. What lies beyond the place is to be published again:
  // an entry there would go by it after the next loss.
  postgres_.exec(
      "DELETE FROM core.tb_transport_checkpoint_history WHERE transport_name = $1 AND (last_pk > $2::bigint OR saved_at > $3::timestamptz)",
      {transport_name_, std::to_string(kept.up_to_pk), kept.until});
}

Checkpoint ChangeLog::go_back(const HistoryEntry& entry, std::int64_t epoch) {
  return translated("go back to an earlier checkpoint", [&] {
    Checkpoint now = entry.checkpoint;
    now.epoch = epoch;
    now.system_identifier = system_identifier_;
    postgres_.transaction([&] {
      postgres_.exec("SET LOCAL synchronous_commit = on");
      put(now, {no_limit, entry.saved_at}, epoch);
    });
    return now;
  });
}

void ChangeLog::move(const Checkpoint& to, const Kept& kept) {
  translated("move the checkpoint", [&] {
    Checkpoint here = to;
    here.system_identifier = system_identifier_;
    postgres_.transaction([&] {
      postgres_.exec("SET LOCAL synchronous_commit = on");
      put(here, kept, std::nullopt);
    });
  });
}

std::string ChangeLog::snapshot() {
  return translated("take a snapshot", [&] { return std::string(postgres_.exec("SELECT pg_current_snapshot()::text").text(0, 0)); });
}

std::optional<std::int64_t> ChangeLog::lowest_waiting(const Place& place) {
  return translated("look for the first row that waits", [&]() -> std::optional<std::int64_t> {
    // By the index of xact_id, for what S1 saw whole is not looked at; OFFSET 0 keeps the planner from walking the primary key.
    const Rows lowest = postgres_.exec(
        std::string("SELECT min(pk) FROM (SELECT pk_entity_change_log AS pk FROM core.tb_entity_change_log WHERE xact_id >= "
                    "pg_snapshot_xmin($1::pg_snapshot) AND ") +
            waits + " OFFSET 0) t",
        waits_at(place));
    return lowest.is_null(0, 0) ? std::nullopt : std::optional(lowest.integer(0, 0));
  });
}

bool ChangeLog::is_copy(const Checkpoint& checkpoint) {
  if (checkpoint.system_identifier != 0 && checkpoint.system_identifier != system_identifier_) return true;
  return translated("look for rows of another database", [&] {
    // A save takes a transaction id of its own, above all that its snapshots know of: so none of ours is ahead.
    const Rows ahead =
        postgres_.exec("SELECT 1 WHERE greatest(pg_snapshot_xmax($1::pg_snapshot), pg_snapshot_xmax($2::pg_snapshot)) > "
                       "pg_snapshot_xmax(pg_current_snapshot())",
                       {null_if_empty(checkpoint.place.snapshot), null_if_empty(checkpoint.place.window_snapshot)});
    return !ahead.empty() || !postgres_.exec(std::string("SELECT 1 FROM core.tb_entity_change_log WHERE ") + foreign + " LIMIT 1").empty();
  });
}

std::int64_t ChangeLog::foreign_rows() {
  return translated("count rows of another database", [&] {
    return postgres_.exec(std::string("SELECT count(*) FROM core.tb_entity_change_log WHERE ") + foreign).integer(0, 0);
  });
}

std::int64_t ChangeLog::adopt(const Checkpoint& copied, const Checkpoint& to) {
  return translated("adopt rows", [&] {
    // Killed from here on, this is a copy still; the copied place stays until the end, for it tells which rows wait.
    Checkpoint meanwhile = copied;
    meanwhile.system_identifier = nobody;
    const Kept nothing{-1, std::nullopt};  // the history is that of the other database
    postgres_.transaction([&] { put(meanwhile, nothing, std::nullopt); });

    // Taken once: rows that are written meanwhile are at home.
    const Rows bound = postgres_.exec(
        "SELECT pg_snapshot_xmax(pg_current_snapshot())::text, (SELECT coalesce(max(pk_entity_change_log), 0) FROM "
        "core.tb_entity_change_log)");
    const std::string above_pk = std::to_string(to.cursor);
    Params params = waits_at(copied.place);
    params.insert(params.end(), {std::to_string(-no_limit), std::string(bound.text(0, 1)), std::string(bound.text(0, 0)), above_pk});
    std::int64_t adopted = 0;
    while (true) {
      const Rows some = postgres_.exec(adopt_some(), params);
      if (some.integer(0, 0) == 0) break;
      adopted += some.integer(0, 0);
      params[3] = some.text(0, 1);
    }

    // All that stands above the pk is in this window. What waits below it is made newer than the window, and so comes after it.
    Checkpoint here = to;
    here.place = {"", snapshot(), to.cursor};
    here.system_identifier = system_identifier_;
    postgres_.transaction([&] {
      Params below = waits_at(copied.place);
      below.push_back(above_pk);
      adopted += postgres_
                     .exec(std::string("UPDATE core.tb_entity_change_log SET xact_id = pg_current_xact_id() WHERE pk_entity_change_log <= "
                                       "$4::bigint AND xact_id >= pg_snapshot_xmin($1::pg_snapshot) AND ") +
                               waits,
                           below)
                     .affected();
      put(here, nothing, std::nullopt);
    });
    return adopted;
  });
}

}  // namespace fraiseql
