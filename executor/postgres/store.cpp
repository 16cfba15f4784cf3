#include "executor/postgres/store.hpp"

#include "common/errors.hpp"

namespace fraiseql {

using namespace std::chrono_literals;

template <class Work>
auto ObserverStore::with(Work work) {
  try {
    if (!postgres_) {
      Postgres::Options options;
      options.application_name = "fraiseql executor, letters";
      options.statement_timeout = 10s;
      postgres_.emplace(url_, options);
    }
    return work(*postgres_);
  } catch (const Unavailable&) {
    postgres_.reset();
    throw;
  }
}

void ObserverStore::check_schema() {
  with([](Postgres& postgres) {
    if (postgres.exec("SELECT to_regclass('core.tb_observer_dlq') IS NULL OR to_regclass('core.tb_observer_progress') IS NULL")
            .text(0, 0) == "t")
      throw ConfigError("the schema is older than this program needs; run: fraiseql migrate");
  });
}

ObserverStore::Kept ObserverStore::keep(const LetterRow& letter, std::optional<std::int64_t> max) {
  return with([&](Postgres& postgres) {
    // Never more rows are counted than may be there.
    const std::string room =
        max ? " WHERE (SELECT count(*) FROM (SELECT FROM core.tb_observer_dlq LIMIT " + std::to_string(*max) + ") AS kept) < " +
                  std::to_string(*max)
            : "";
    const Rows written = postgres.exec(
        "INSERT INTO core.tb_observer_dlq (transport_name, reason, observer, action, attempts, error, http_status, event_id, pk, "
        "entity, operation, headers, payload) SELECT $1, $2, $3, $4::integer, $5::bigint, $6, $7::integer, $8, $9::bigint, $10, "
        "$11, $12::jsonb, $13" +
            room + " ON CONFLICT DO NOTHING",
        {transport_name_, letter.reason, letter.observer, std::to_string(letter.action), std::to_string(letter.attempts),
         letter.error, letter.http_status > 0 ? std::optional(std::to_string(letter.http_status)) : std::nullopt,
         letter.event_id, letter.pk.empty() ? std::nullopt : std::optional(letter.pk), letter.entity, letter.operation,
         letter.headers, letter.payload});
    if (written.affected() == 1 || !max) return Kept::yes;
    const Rows there = postgres.exec(
        "SELECT FROM core.tb_observer_dlq WHERE transport_name = $1 AND event_id = $2 AND observer = $3 AND action = $4::integer",
        {transport_name_, letter.event_id, letter.observer, std::to_string(letter.action)});
    return there.empty() ? Kept::full : Kept::yes;
  });
}

std::int64_t ObserverStore::letters() {
  return with([&](Postgres& postgres) {
    return postgres.exec("SELECT count(*) FROM core.tb_observer_dlq WHERE transport_name = $1", {transport_name_}).integer(0, 0);
  });
}

std::map<std::int64_t, Ahead> ObserverStore::ahead(std::int64_t epoch) {
  return with([&](Postgres& postgres) {
    std::map<std::int64_t, Ahead> found;
    const Rows rows = postgres.exec(
        "SELECT pk, settled, coalesce(progress, '') FROM core.tb_observer_progress WHERE transport_name = $1 AND epoch = $2::bigint",
        {transport_name_, std::to_string(epoch)});
    for (int row = 0; row < rows.size(); ++row)
      found[rows.integer(row, 0)] = {rows.text(row, 1) == "t", std::string(rows.text(row, 2))};
    return found;
  });
}

void ObserverStore::save_ahead(std::int64_t epoch, const std::map<std::int64_t, Ahead>& ahead) {
  with([&](Postgres& postgres) {
    postgres.transaction([&] {
      postgres.exec("DELETE FROM core.tb_observer_progress WHERE transport_name = $1", {transport_name_});
      for (const auto& [pk, known] : ahead)
        postgres.exec(
            "INSERT INTO core.tb_observer_progress (transport_name, pk, epoch, settled, progress) VALUES ($1, $2::bigint, "
            "$3::bigint, $4::boolean, $5)",
            {transport_name_, std::to_string(pk), std::to_string(epoch), known.settled ? "t" : "f",
             known.progress.empty() ? std::nullopt : std::optional(known.progress)});
    });
  });
}

}  // namespace fraiseql
