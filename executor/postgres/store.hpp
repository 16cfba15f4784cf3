#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/postgres.hpp"

namespace fraiseql {

/// A row of core.tb_observer_dlq.
struct LetterRow {
  std::string reason, observer;
  std::size_t action = 0;
  std::uint64_t attempts = 0;
  std::string error;
  int http_status = 0;  ///< 0: none
  std::string event_id, pk, entity, operation;
  std::string headers;  ///< a JSON object
  std::string payload;
};

/// What is known of a change beyond the checkpoint.
struct Ahead {
  bool settled = false;
  std::string progress;  ///< of its actions; empty: none
};

/// What an executor keeps in PostgreSQL besides its checkpoint: dead letters, and at a clean stop its progress. Blocks, so
/// it is used off the loop, by one thread at a time. Connects when it has to; throws Unavailable when that fails or the
/// connection is lost, and connects again at the next call. SqlError goes through.
class ObserverStore {
 public:
  ObserverStore(std::string url, std::string transport_name) : url_(std::move(url)), transport_name_(std::move(transport_name)) {}

  /// Throws ConfigError when the tables are missing ("run: fraiseql migrate").
  void check_schema();
  enum class Kept { yes, full };
  /// `max`: most letters in the table. One that is there already is kept.
  Kept keep(const LetterRow& letter, std::optional<std::int64_t> max);
  std::int64_t letters();  ///< of this transport_name

  /// By pk; only what was saved under this epoch.
  std::map<std::int64_t, Ahead> ahead(std::int64_t epoch);
  /// Takes the place of what was saved before.
  void save_ahead(std::int64_t epoch, const std::map<std::int64_t, Ahead>& ahead);

 private:
  template <class Work>
  auto with(Work work);

  std::string url_, transport_name_;
  std::optional<Postgres> postgres_;
};

}  // namespace fraiseql
