#include "common/change_log.hpp"

#include <poll.h>

#include <strings.h>
#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "common/change_log_detail.hpp"
#include "common/change_log_sql.hpp"
#include "common/errors.hpp"

namespace fraiseql {

using change_log::nothing_seen;
using change_log::null_if_empty;
using change_log::translated;

namespace {

using namespace std::chrono_literals;

constexpr std::int64_t no_pk = std::numeric_limits<std::int64_t>::max();
constexpr auto idle_limit = 10s;              // after it the server frees the lock of a frozen process
constexpr auto keep_alive = 2s;
constexpr auto history_every = 1min;
constexpr std::int64_t history_messages = 500'000;

Postgres::Options limits(const std::string& application_name) {
  Postgres::Options options;
  options.application_name = application_name;
  options.idle_limit = idle_limit;
  return options;
}

std::int64_t number_in(std::string_view digits) {
  std::int64_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

bool is_delete(std::string_view verb) { return verb.size() == 6 && strncasecmp(verb.data(), "DELETE", 6) == 0; }

constexpr const char* save = R"(
UPDATE core.tb_transport_checkpoint SET last_pk = greatest(last_pk, $3), snapshot = $4, window_snapshot = $5, window_pk = $6,
  stream_seq = $7, stream_msg_id = $8, tail_seq = $9, system_identifier = $10, updated_at = now()
WHERE transport_name = $1 AND epoch = $2)";

// After a quiet day the newest of the old entries is still the place to go back to, so it stays.
std::string save_with_history() {
  return "WITH saved AS (" + std::string(save) +
         " RETURNING *), old AS (DELETE FROM core.tb_transport_checkpoint_history WHERE transport_name = $1 AND saved_at < "
         "(SELECT max(saved_at) FROM core.tb_transport_checkpoint_history WHERE transport_name = $1 AND saved_at < now() - "
         "interval '1 day')) "
         "INSERT INTO core.tb_transport_checkpoint_history (transport_name, last_pk, snapshot, window_snapshot, window_pk, "
         "epoch, system_identifier, stream_seq, stream_msg_id, tail_seq) SELECT transport_name, last_pk, snapshot, window_snapshot, "
         "window_pk, epoch, system_identifier, stream_seq, stream_msg_id, tail_seq FROM saved";
}

}  // namespace

ChangeLog::ChangeLog(const std::string& url, std::string transport_name, bool start_from_now, const std::string& application_name)
    : postgres_(url, limits(application_name)), transport_name_(std::move(transport_name)), start_from_now_(start_from_now) {
  translated("look at the database", [&] {
    check_server();
    prepare();
  });
}

void ChangeLog::prepare() {
  postgres_.exec(reading_sql::session);
  postgres_.prepare("first_window", reading_sql::first_window);
  postgres_.prepare("next_window", reading_sql::next_window);
  postgres_.prepare("page", reading_sql::page());
  postgres_.prepare("page_with_stragglers", reading_sql::page_with_stragglers());
  postgres_.prepare("large_row", reading_sql::large_row);
  postgres_.prepare("save", save);
  postgres_.prepare("save_with_history", save_with_history());
}

void ChangeLog::save_durably() {
  translated("set up the session", [&] { postgres_.exec("SET synchronous_commit = on"); });
}

bool ChangeLog::try_lead() {
  return translated("ask for the lock", [&] {
    return postgres_.exec("SELECT pg_try_advisory_lock(hashtextextended('fraiseql bridge ' || $1, 0))", {transport_name_})
               .text(0, 0) == "t";
  });
}

Checkpoint ChangeLog::checkpoint() {
  return translated("read the checkpoint", [&] {
    const std::string where_to_begin =
        start_from_now_ ? "pg_current_snapshot(), coalesce((SELECT max(pk_entity_change_log) FROM core.tb_entity_change_log), 0)"
                        : "NULL::pg_snapshot, 0";
    const Rows made = postgres_.exec(
        "INSERT INTO core.tb_transport_checkpoint (transport_name, snapshot, last_pk, updated_at) SELECT $1, " + where_to_begin +
            ", now() WHERE NOT EXISTS (SELECT FROM core.tb_transport_checkpoint WHERE transport_name = $1) ON CONFLICT DO "
            "NOTHING",
        {transport_name_});
    auto found = known_checkpoint();
    if (!found) throw DatabaseUnavailable("the checkpoint of " + transport_name_ + " has vanished");
    found->first_run = made.affected() == 1;
    return *found;
  });
}

std::int64_t ChangeLog::take_epoch() {
  return translated("take the epoch", [&] {
    std::int64_t epoch = 0;
    postgres_.transaction([&] {
      postgres_.exec("SET LOCAL synchronous_commit = on");  // what fences others must not be taken back by a crash
      const Rows row = postgres_.exec(
          "UPDATE core.tb_transport_checkpoint SET epoch = coalesce(epoch, 0) + 1 WHERE transport_name = $1 RETURNING epoch",
          {transport_name_});
      if (row.empty()) throw DatabaseUnavailable("the checkpoint of " + transport_name_ + " has vanished");
      epoch = row.integer(0, 0);
    });
    return epoch;
  });
}

void ChangeLog::save_checkpoint(const Checkpoint& checkpoint, bool remember) {
  translated("save the checkpoint", [&] {
    const Place& place = checkpoint.place;
    const bool window_open = !place.window_snapshot.empty();
    const auto now = std::chrono::steady_clock::now();
    const bool first_message = checkpoint.stream_seq > 0 && history_seq_ == 0;  // the first entry that names one
    const bool history_due = remember || first_message || now - history_at_ >= history_every ||
                             checkpoint.stream_seq - history_seq_ >= history_messages;
    // A row that an older bridge left keeps its pk as the place until a window is open.
    const Rows saved = postgres_.exec_prepared(
        history_due ? "save_with_history" : "save",
        {transport_name_, std::to_string(checkpoint.epoch), std::to_string(std::max(checkpoint.cursor, place.last_pk)),
         null_if_empty(place.snapshot), null_if_empty(place.window_snapshot),
         window_open ? std::optional(std::to_string(place.last_pk)) : std::nullopt,
         checkpoint.stream_seq > 0 ? std::optional(std::to_string(checkpoint.stream_seq)) : std::nullopt,
         null_if_empty(checkpoint.stream_msg_id),
         checkpoint.stream_seq > 0 ? std::optional(std::to_string(checkpoint.tail_seq)) : std::nullopt,
         std::to_string(checkpoint.system_identifier != 0 ? checkpoint.system_identifier : system_identifier_)});
    if (saved.affected() != 1)
      throw SessionOver("the checkpoint of " + transport_name_ + " has another epoch than " + std::to_string(checkpoint.epoch) +
                        ": another process leads, or a rewind was asked for");
    if (history_due) {
      history_at_ = now;
      history_seq_ = checkpoint.stream_seq;
    }
  });
}

/// Finds out where the rows of the window after `place` are; takes S2 when no window is open.
void ChangeLog::open_window(const Place& place) {
  Window window;
  window.snapshot = place.snapshot;
  if (place.snapshot.empty()) {
    const Rows row = postgres_.exec_prepared("first_window", {});
    window.window_snapshot = place.window_snapshot.empty() ? std::string(row.text(0, 0)) : place.window_snapshot;
    window.ceiling = row.integer(0, 1);
  } else {
    const Rows row = postgres_.exec_prepared("next_window", {place.snapshot, null_if_empty(place.window_snapshot)});
    window.window_snapshot = row.text(0, 0);
    // A window may hold only stragglers; then every one of them is below the floor.
    window.floor = row.is_null(0, 1) ? no_pk : row.integer(0, 1);
    window.stragglers = row.text(0, 3);
    window.ceiling = std::max(row.is_null(0, 2) ? -no_pk : row.integer(0, 2), row.is_null(0, 4) ? -no_pk : row.integer(0, 4));
  }
  window_ = std::move(window);
}

Rows ChangeLog::read(const Place& place, int max_rows, std::size_t max_bytes, std::size_t max_data_bytes) {
  const bool stragglers = !window_.stragglers.empty() && place.last_pk < window_.floor;
  const std::size_t longest = std::min(max_data_bytes, max_bytes / static_cast<std::size_t>(max_rows));
  Params params = {std::to_string(stragglers ? place.last_pk : std::max(place.last_pk, window_.floor - 1)),
                   std::to_string(window_.ceiling),
                   window_.window_snapshot,
                   window_.snapshot.empty() ? nothing_seen : window_.snapshot,
                   std::to_string(max_rows),
                   std::to_string(std::min<std::size_t>(longest, std::numeric_limits<int>::max()))};
  if (!stragglers) return postgres_.exec_prepared("page", params);
  params.push_back(window_.stragglers);
  params.push_back(std::to_string(window_.floor));
  return postgres_.exec_prepared("page_with_stragglers", params);
}

Page ChangeLog::page_after(const Place& place, int max_rows, std::size_t max_bytes, std::size_t max_data_bytes) {
  return translated("read the change log", [&] {
    const bool window_open = !place.window_snapshot.empty();
    Page page = page_of_window(place, max_rows, max_bytes, max_data_bytes);
    // The window that was open had no more; only a new one can say that there is nothing.
    if (window_open && page.rows.empty() && page.window_done)
      page = page_of_window(page.next, max_rows, max_bytes, max_data_bytes);
    return page;
  });
}

Page ChangeLog::row_of(std::int64_t pk, std::size_t max_data_bytes) {
  return translated("read a row of the change log", [&] {
    const Rows now = postgres_.exec("SELECT pg_current_snapshot()::text");
    // A window that holds nothing else. Another one is opened for whoever reads pages next.
    window_ = Window{nothing_seen, std::string(now.text(0, 0)), -no_pk, pk, ""};
    const Place before{window_.snapshot, window_.window_snapshot, pk - 1};
    Page page = page_of_window(before, 1, std::numeric_limits<int>::max(), max_data_bytes);
    window_ = {};
    return page;
  });
}

Page ChangeLog::page_of_window(const Place& place, int max_rows, std::size_t max_bytes, std::size_t max_data_bytes) {
  Place from = place;
  if (from.window_snapshot.empty() || from.window_snapshot != window_.window_snapshot || from.snapshot != window_.snapshot) {
    open_window(from);
    // Only the row of an older bridge starts in the middle: its place is a pk, and the first window is what is above.
    if (from.window_snapshot.empty() && !from.snapshot.empty()) from.last_pk = -no_pk;
    from.window_snapshot = window_.window_snapshot;
  }
  Page page;
  page.window = Place{from.snapshot, from.window_snapshot, 0};
  const auto close_window = [&] {
    page.next = Place{window_.window_snapshot, "", 0};
    page.window_done = true;
  };
  if (window_.ceiling <= from.last_pk && (window_.stragglers.empty() || from.last_pk >= window_.floor)) {
    close_window();
    return page;
  }

  const int wanted = page_rows_ > 0 ? std::min(page_rows_, max_rows) : max_rows;
  Rows found;
  try {
    found = read(from, wanted, max_bytes, max_data_bytes);
  } catch (const SqlError& e) {
    // Rows of many megabytes: a hundred of them take longer than a statement may. One alone must do.
    if (e.sqlstate != "57014" || wanted == 1) throw;
    page_rows_ = 1;
    found = read(from, 1, max_bytes, max_data_bytes);
  }
  page.storage.push_back(found);
  page.rows.reserve(static_cast<std::size_t>(found.size()));
  std::array<std::string_view, reading_sql::column_count> column;
  std::size_t bytes = 0;
  bool cut = false, large = false;
  for (int index = 0; index < found.size(); ++index) {
    found.read_row(index, column);
    ChangeRow row;
    row.pk = number_in(column[0]);
    row.id = column[1];
    row.entity = column[2];
    row.verb = column[3];
    row.created_at = column[4];
    row.entity_id = column[5].data() ? column[5] : column[11];
    row.seq = column[6];
    row.tenant_id = column[7];
    row.actor_type = column[8];
    row.acting_for = column[9];
    row.schema_version = column[10];
    row.traceparent = column[12];
    row.tracestate = column[12].data() ? column[13] : std::string_view();
    row.changed = column[14];
    row.data = column[15];
    row.before = column[16];
    const std::string_view lengths = column[17];  // only when the texts stayed behind
    const auto plus = std::min(lengths.find('+'), lengths.size());
    const std::int64_t data_length =
        lengths.empty() ? static_cast<std::int64_t>(row.data.size()) : number_in(lengths.substr(0, plus));
    const std::int64_t before_length = !lengths.empty()    ? number_in(lengths.substr(plus + 1))
                                       : row.before.data() ? static_cast<std::int64_t>(row.before.size())
                                                           : -1;
    // Of a DELETE only one of the two is published.
    const bool only_before = is_delete(row.verb) && before_length >= 0;
    row.data_bytes = (only_before ? 0 : data_length) + std::max<std::int64_t>(before_length, 0);
    row.oversize = static_cast<std::size_t>(row.data_bytes) > max_data_bytes;
    if (row.oversize) row.data = row.before = {};
    const bool left_out = !row.oversize && !lengths.empty();
    large = large || left_out || row.oversize;
    const std::size_t size = row.oversize ? 0 : static_cast<std::size_t>(row.data_bytes);
    if (!page.rows.empty() && bytes + size > max_bytes) {
      cut = true;
      break;
    }
    bytes += size;
    if (left_out) {
      const Rows alone = postgres_.exec_prepared("large_row", {std::to_string(row.pk)});
      from.last_pk = row.pk;
      if (alone.empty()) continue;  // deleted meanwhile, as if before
      std::array<std::string_view, 2> texts;
      alone.read_row(0, texts);
      row.data = only_before ? std::string_view() : texts[0];
      row.before = texts[1];
      page.storage.push_back(alone);
    }
    page.rows.push_back(row);
    from.last_pk = row.pk;
  }
  page_rows_ = cut || large ? std::max(1, wanted / 4) : page_rows_ == 0 ? 0 : page_rows_ * 2 >= max_rows ? 0 : page_rows_ * 2;
  if (!cut && found.size() < wanted)
    close_window();
  else
    page.next = from;
  return page;
}

void ChangeLog::listen(const std::string& channel) {
  translated("listen", [&] { postgres_.listen(channel); });
}

bool ChangeLog::wait(std::chrono::milliseconds limit, int other_fd) {
  return translated("wait", [&] {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (true) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      if (postgres_.wait_notification(std::clamp<std::chrono::milliseconds>(left, 0ms, keep_alive), other_fd)) return true;
      pollfd other{other_fd, POLLIN, 0};
      if (left <= keep_alive || (other_fd >= 0 && poll(&other, 1, 0) > 0)) return false;
      touch();
    }
  });
}

void ChangeLog::touch() {
  translated("keep the session", [&] { postgres_.exec("SELECT"); });
}

Waiting ChangeLog::waiting_after(std::int64_t pk) {
  return translated("count what waits", [&] {
    const Rows row = postgres_.exec(reading_sql::waiting, {std::to_string(pk)});
    if (row.empty()) return Waiting{};
    return Waiting{row.integer(0, 0), std::max(0.0, static_cast<double>(row.integer(0, 1)) / 1000), std::string(row.text(0, 2))};
  });
}

}  // namespace fraiseql
