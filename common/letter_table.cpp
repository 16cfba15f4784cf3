#include "common/letter_table.hpp"

#include <rapidjson/document.h>

#include <algorithm>
#include <limits>

#include "common/errors.hpp"

namespace fraiseql {
namespace {

constexpr int page = 500;           // rows of about 1 kB
constexpr std::size_t bunch = 500;  // letters removed by one statement
constexpr auto largest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

constexpr const char* facts =
    "pk_observer_dlq, (extract(epoch FROM failed_at) * 1000000)::bigint, to_char(failed_at, 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), "
    "reason, observer, nullif(action, 0), attempts, http_status, error, event_id, entity, operation";

// A page continues behind the last key, so that none is read twice and nothing is held between two pages.
const std::string listing = std::string("SELECT ") + facts +
                            " FROM core.tb_observer_dlq WHERE transport_name = $1 AND pk_observer_dlq > $2::bigint AND "
                            "pk_observer_dlq <= $3::bigint AND ($4::text IS NULL OR observer = $4) AND ($5::text IS NULL OR entity = "
                            "$5) AND ($6::text IS NULL OR reason = $6) AND ($7::timestamptz IS NULL OR failed_at >= $7::timestamptz) "
                            "ORDER BY pk_observer_dlq LIMIT " +
                            std::to_string(page);

std::optional<std::string> null_if_empty(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional<std::string>(text);
}

TableLetter letter_of(const Rows& rows, int row) {
  const auto text = [&](int column) { return std::string(rows.text(row, column)); };
  TableLetter letter;
  letter.number = static_cast<std::uint64_t>(rows.integer(row, 0));
  letter.stored_at_ns = rows.integer(row, 1) * 1000;
  letter.failed_at = text(2);
  letter.reason = text(3);
  letter.observer = text(4);
  letter.action = text(5);
  letter.attempts = text(6);
  letter.http_status = text(7);
  letter.error = text(8);
  letter.event_id = text(9);
  letter.entity = text(10);
  letter.operation = text(11);
  return letter;
}

// {"name": "value"}; what is no text is not ours.
std::vector<std::pair<std::string, std::string>> headers_of(std::string_view json) {
  std::vector<std::pair<std::string, std::string>> headers;
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
  if (document.HasParseError() || !document.IsObject()) return headers;
  for (const auto& member : document.GetObject())
    if (member.value.IsString())
      headers.emplace_back(std::string(member.name.GetString(), member.name.GetStringLength()),
                           std::string(member.value.GetString(), member.value.GetStringLength()));
  return headers;
}

// In the words of whoever has to mend it.
[[noreturn]] void refuse(const char* doing, const SqlError& e) {
  if (e.sqlstate == "42P01") throw ConfigError("the schema is older than this program needs; run: fraiseql migrate");
  if (e.sqlstate == "42501") throw ConfigError(std::string(doing) + ": " + e.what() + "; docs/transports.md tells the rights that are needed");
  if (e.sqlstate.starts_with("22")) throw ConfigError(std::string(doing) + ": a filter that PostgreSQL does not take: " + e.what());
  throw DatabaseUnavailable(std::string(doing) + ": " + e.what() + " (SQLSTATE " + e.sqlstate + ")");
}

}  // namespace

LetterTable::LetterTable(std::string url, std::string transport_name, std::string application_name)
    : url_(std::move(url)), transport_name_(std::move(transport_name)), application_name_(std::move(application_name)) {}

template <class Work>
auto LetterTable::with(const char* doing, Work work) {
  try {
    if (!postgres_) {
      Postgres::Options options;
      options.application_name = application_name_;
      postgres_.emplace(url_, options);
    }
    return work(*postgres_);
  } catch (const Unavailable&) {
    postgres_.reset();
    claimed_.reset();
    throw;
  } catch (const SqlError& e) {
    refuse(doing, e);
  }
}

LetterTable::Size LetterTable::size() {
  return with("count the dead letters", [&](Postgres& postgres) {
    // Of the columns one by one: of a whole row it would read what is stored out of line.
    const Rows row = postgres.exec(
        "SELECT count(*), coalesce(sum(pg_column_size(payload) + pg_column_size(headers) + pg_column_size(error)), 0) FROM "
        "core.tb_observer_dlq WHERE transport_name = $1",
        {transport_name_});
    return Size{static_cast<std::uint64_t>(row.integer(0, 0)), static_cast<std::uint64_t>(row.integer(0, 1))};
  });
}

std::optional<TableLetter> LetterTable::get(std::uint64_t number) {
  if (number > largest) return std::nullopt;
  return with("read a dead letter", [&](Postgres& postgres) -> std::optional<TableLetter> {
    const Rows row = postgres.exec(std::string("SELECT ") + facts +
                                       ", headers, payload FROM core.tb_observer_dlq WHERE transport_name = $1 AND pk_observer_dlq = $2::bigint",
                                   {transport_name_, std::to_string(number)});
    if (row.empty()) return std::nullopt;
    TableLetter letter = letter_of(row, 0);
    letter.headers = headers_of(row.text(0, 12));
    letter.payload = row.text(0, 13);
    return letter;
  });
}

std::vector<std::uint64_t> LetterTable::remove(const std::vector<std::uint64_t>& numbers) {
  std::vector<std::uint64_t> missing;
  for (std::size_t from = 0; from < numbers.size(); from += bunch) {
    const std::size_t end = std::min(numbers.size(), from + bunch);
    std::string list;
    for (std::size_t at = from; at < end; ++at)
      if (numbers[at] <= largest) list += (list.empty() ? "" : ",") + std::to_string(numbers[at]);
    std::vector<std::uint64_t> gone;
    with("remove dead letters", [&](Postgres& postgres) {
      const Rows rows = postgres.exec(
          "DELETE FROM core.tb_observer_dlq WHERE transport_name = $1 AND pk_observer_dlq = ANY($2::bigint[]) RETURNING pk_observer_dlq",
          {transport_name_, "{" + list + "}"});
      for (int row = 0; row < rows.size(); ++row) gone.push_back(static_cast<std::uint64_t>(rows.integer(row, 0)));
    });
    std::sort(gone.begin(), gone.end());
    for (std::size_t at = from; at < end; ++at)
      if (!std::binary_search(gone.begin(), gone.end(), numbers[at])) missing.push_back(numbers[at]);
  }
  return missing;
}

void LetterTable::each(const LetterFilter& filter, const std::function<bool(const TableLetter&)>& visit) {
  const auto number = [](std::uint64_t value) { return std::to_string(std::min(value, largest)); };
  const std::int64_t last = with("list the dead letters", [&](Postgres& postgres) {
    return postgres.exec("SELECT max(pk_observer_dlq) FROM core.tb_observer_dlq WHERE transport_name = $1", {transport_name_}).integer(0, 0);
  });
  std::uint64_t after = filter.after_number, visited = 0;
  while (true) {
    const Rows rows = with("list the dead letters", [&](Postgres& postgres) {
      return postgres.exec(listing, {transport_name_, number(after), std::to_string(last), null_if_empty(filter.observer),
                                     null_if_empty(filter.entity), null_if_empty(filter.reason), null_if_empty(filter.from_time)});
    });
    for (int row = 0; row < rows.size(); ++row) {
      const TableLetter letter = letter_of(rows, row);
      after = letter.number;
      if (!visit(letter) || ++visited == filter.limit) return;
    }
    if (rows.size() < page) return;
  }
}

// A lock of the session, and not of a row: a row's would keep a transaction open for as long as the action takes, and with it
// the horizon of every snapshot, by which change logs are read.
bool LetterTable::claim(std::uint64_t number) {
  return with("take a dead letter in hand", [&](Postgres& postgres) {
    const Rows asked = postgres.exec(
        "SELECT pg_backend_pid(), current_setting('transaction_read_only'), has_table_privilege('core.tb_observer_dlq', 'DELETE'), "
        "current_user");
    if (asked.integer(0, 0) != postgres.backend_pid())
      throw ConfigError(
          "database.url leads to a connection pooler: a retry needs PostgreSQL itself, for its lock belongs to one session");
    if (asked.text(0, 1) == "on") throw DatabaseUnavailable("this server takes no writes, so no letter could be removed from it");
    // Known before the action runs, and not after.
    if (asked.text(0, 2) != "t")
      throw ConfigError("right DELETE on core.tb_observer_dlq is missing for role " + std::string(asked.text(0, 3)) +
                        ": a letter whose retry has succeeded could not be removed");
    const bool ours = postgres
                          .exec("SELECT pg_try_advisory_lock(hashtextextended('fraiseql dead letter ' || $1, 0))", {std::to_string(number)})
                          .text(0, 0) == "t";
    if (ours) claimed_ = number;
    return ours;
  });
}

void LetterTable::release(std::uint64_t number) {
  if (claimed_ != number) return;
  claimed_.reset();
  with("let go of a dead letter", [&](Postgres& postgres) {
    postgres.exec("SELECT pg_advisory_unlock(hashtextextended('fraiseql dead letter ' || $1, 0))", {std::to_string(number)});
  });
}

}  // namespace fraiseql
