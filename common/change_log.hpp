#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/postgres.hpp"

namespace fraiseql {

/// How far a reader has come: all that `snapshot` sees is done, and of what only `window_snapshot` sees all up to `last_pk`.
struct Place {
  std::string snapshot;         ///< S1; empty: none yet (the beginning, or the row of an older bridge: then only last_pk counts)
  std::string window_snapshot;  ///< S2; empty: no window is open
  std::int64_t last_pk = 0;     ///< inside the window
};

/// One committed change; its views live as long as the page's rows. A NULL is a view whose data() is nullptr.
struct ChangeRow {
  std::int64_t pk = 0;
  std::string_view id, entity, verb;  ///< id, object_type, modification_type: never NULL
  std::string_view created_at;        ///< for parse_timestamp()
  std::string_view entity_id;         ///< object_id, or the text of extra_metadata.entity_key
  std::string_view seq, tenant_id, actor_type, acting_for, schema_version;
  std::string_view traceparent, tracestate;  ///< put together from trace_context; NULL when a part is missing
  std::string_view changed;                  ///< updated_fields as JSON, no white space: ["status","total"]
  std::string_view data, before;             ///< JSON text as PostgreSQL writes it; NULL too when `oversize`
  std::int64_t data_bytes = 0;               ///< length of data and before together, also when oversize
  bool oversize = false;                     ///< above max_data_bytes: the texts were not read
};

/// Some rows in the order in which they are to be published, and the place after them.
struct Page {
  std::vector<ChangeRow> rows;  ///< ascending pk inside a window
  Place window;                 ///< snapshot and window_snapshot that all of its rows belong to
  Place next;                   ///< after the last of them
  bool window_done = false;     ///< `next` has closed the window: nothing more to read for now if `rows` is short
  std::vector<Rows> storage;    ///< what the views look into
};

/// The row that remembers a reader, in core.tb_transport_checkpoint.
struct Checkpoint {
  Place place;
  std::int64_t cursor = 0;  ///< highest pk published so far: for people and the status view
  std::int64_t epoch = 0;
  std::int64_t stream_seq = 0;  ///< where the last message of what is done stands in the stream; 0: none yet
  std::string stream_msg_id;
  std::int64_t tail_seq = 0;  ///< messages of what is not done stand only behind it
  std::int64_t system_identifier = 0;  ///< of the database it was written in; 0: unknown
  bool first_run = false;              ///< the row was made just now
};

/// An earlier checkpoint.
struct HistoryEntry {
  Checkpoint checkpoint;  ///< its epoch is that of the session which saved it
  std::string saved_at;   ///< as PostgreSQL writes it, in UTC: "2024-01-15 10:30:00.123456+00"
};

/// Which entries of the history stay when the checkpoint is moved.
struct Kept {
  std::int64_t up_to_pk;             ///< those with a higher cursor go
  std::optional<std::string> until;  ///< those that were saved later go
};

/// An estimate of what waits.
struct Waiting {
  std::int64_t events = 0;
  double seconds = 0;  ///< age of the oldest
  std::string oldest;  ///< its created_at; empty: nothing waits
};

/// The change log table and a reader's checkpoint in it. Owns one PostgreSQL connection, which the server closes after
/// 10 s without a statement: call one of these at least every 5 s (wait() does so by itself).
///
/// Every call throws Unavailable when the connection is lost or the server refuses; the object is then of no further
/// use, and the caller makes a new one. Used by one thread at a time, not bound to one.
class ChangeLog {
 public:
  /// Connects and looks at what it found. Throws ConfigError for a pooler, an older schema ("run: fraiseql migrate"), a
  /// partitioned table, a sequence with CACHE above 1; Unavailable for a server in recovery.
  ChangeLog(const std::string& url, std::string transport_name, bool start_from_now,
            const std::string& application_name = "pg2nats-bridge");

  /// From now on a save waits for the disk of the server. Without it a crash of the server may take the last ones back.
  void save_durably();
  bool try_lead();            ///< the session's advisory lock of this transport; kept until the connection ends
  Checkpoint checkpoint();    ///< made on the first run
  std::int64_t take_epoch();  ///< from now on saves with a lower epoch fail
  void confirm_epoch(std::int64_t epoch);  ///< throws SessionOver when another one stands there
  std::optional<Checkpoint> known_checkpoint();  ///< nullopt: there is none yet
  /// One small UPDATE; `remember` adds it to the history, which is done by itself once a minute, every 500,000 messages, and
  /// for the first message. Throws SessionOver when another epoch stands there.
  void save_checkpoint(const Checkpoint& checkpoint, bool remember = false);

  /// The entries that name a message of the stream, the newest first; none that was saved later than `until`.
  std::vector<HistoryEntry> history(const std::string& until = "infinity");
  /// Goes back to `entry`: the checkpoint becomes it, under the epoch `epoch`, and newer entries are forgotten. Throws
  /// SessionOver when another epoch stands there. Returns the checkpoint as it is now.
  Checkpoint go_back(const HistoryEntry& entry, std::int64_t epoch);
  /// For the operator: puts the checkpoint where `to` says, under the next epoch, so that the session of whoever leads ends.
  void move(const Checkpoint& to, const Kept& kept);
  std::string snapshot();  ///< of this moment
  /// Lowest pk of the committed rows that a reader at `place` has not done; nullopt: nothing waits.
  std::optional<std::int64_t> lowest_waiting(const Place& place);

  /// The rows that follow `place`: at most `max_rows`, and about `max_bytes` of text. No rows: nothing new. Rows whose
  /// data is above `max_data_bytes` come without it. One statement per page inside a window.
  Page page_after(const Place& place, int max_rows, std::size_t max_bytes, std::size_t max_data_bytes);

  /// The one row of that pk, whoever has read it before; no rows: there is none. As page_after otherwise.
  Page row_of(std::int64_t pk, std::size_t max_data_bytes);

  void listen(const std::string& channel);
  /// Until a notification (true), `other_fd` is readable or the time is over (false). Keeps the session alive meanwhile.
  bool wait(std::chrono::milliseconds limit, int other_fd = -1);
  void touch();  ///< a statement that does nothing, for a caller that has no other for a while

  Waiting waiting_after(std::int64_t pk);  ///< `pk`: the highest that is published
  /// Rows that were not written in this database, a checkpoint ahead of it, or another system identifier than that of the
  /// checkpoint: a copy.
  bool is_copy(const Checkpoint& checkpoint);
  std::int64_t foreign_rows();  ///< number of the rows that were not written in this database
  /// Gives them an xact_id of this database, in batches, forgets the history, and puts the checkpoint to where all above
  /// `to.cursor` is to be published, and of what is below all that waits at `copied`, the checkpoint as it was found; what `to`
  /// says of the stream is taken over. Returns their number. Only for who leads. Killed meanwhile it can be done again: until
  /// the end is_copy() says that this is one.
  std::int64_t adopt(const Checkpoint& copied, const Checkpoint& to);
  std::int64_t system_identifier() const { return system_identifier_; }  ///< of the server

 private:
  /// What is known of the window that is being read: where its rows can be.
  struct Window {
    std::string snapshot, window_snapshot;
    std::int64_t floor = 0;    ///< lowest pk of a transaction newer than S1
    std::int64_t ceiling = 0;  ///< highest pk in the window
    std::string stragglers;    ///< transactions of S1's list with rows here, as an array literal; empty: none
  };
  void check_server();
  void prepare();
  void put(const Checkpoint& to, const Kept& kept, std::optional<std::int64_t> under_epoch);
  void open_window(const Place& place);
  Page page_of_window(const Place& place, int max_rows, std::size_t max_bytes, std::size_t max_data_bytes);
  Rows read(const Place& place, int max_rows, std::size_t max_bytes, std::size_t max_data_bytes);

  Postgres postgres_;
  std::string transport_name_;
  bool start_from_now_;
  std::int64_t system_identifier_ = 0;
  Window window_;
  int page_rows_ = 0;  ///< fewer than max_rows while rows are large; 0: no need known
  std::chrono::steady_clock::time_point history_at_{};
  std::int64_t history_seq_ = 0;
};

}  // namespace fraiseql
