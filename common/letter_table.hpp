#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/letter_filter.hpp"
#include "common/postgres.hpp"

namespace fraiseql {

/// A dead letter of executors that read the change log themselves: a row of core.tb_observer_dlq.
struct TableLetter {
  std::uint64_t number = 0;       ///< its key, by which people name it
  std::int64_t stored_at_ns = 0;  ///< Unix time
  std::string failed_at;          ///< the same, ISO 8601 in UTC
  std::string reason, observer;   ///< of the event as a whole the observer is empty
  std::string action, attempts, http_status;  ///< numbers; action is empty for the event as a whole, http_status where there is none
  std::string error, event_id, entity, operation;
  std::vector<std::pair<std::string, std::string>> headers;  ///< the event's own; none in a listing
  std::string payload;                                       ///< the same
};

/// What operators and retries do with the letters of one transport_name. Executors write them.
///
/// Connects when it has to, and again at the call after a lost connection. Every call throws DatabaseUnavailable when
/// PostgreSQL does not answer or refuses, and ConfigError when a person has to act: no table, a right that is missing, a
/// filter that it does not read. Not thread-safe.
class LetterTable {
 public:
  static constexpr const char* name = "core.tb_observer_dlq";

  LetterTable(std::string url, std::string transport_name, std::string application_name);
  const std::string& transport_name() const { return transport_name_; }

  struct Size {
    std::uint64_t letters = 0, bytes = 0;
  };
  Size size();
  /// The whole letter; nullopt when there is none of that number.
  std::optional<TableLetter> get(std::uint64_t number);
  /// Removes these and returns those of them that were not there.
  std::vector<std::uint64_t> remove(const std::vector<std::uint64_t>& numbers);
  /// Calls `visit` for each letter that the filter lets through, in order, without headers and payload, until it returns
  /// false. Holds a page of rows in memory, and no transaction open. What is stored meanwhile is not visited.
  void each(const LetterFilter& filter, const std::function<bool(const TableLetter&)>& visit);

  /// Makes the letter ours to retry: false while another connection has it. Ends with `release`, the connection or the
  /// process. Asks first whether it could be removed afterwards.
  bool claim(std::uint64_t number);
  void release(std::uint64_t number);  ///< nothing happens when it is not ours (any more)

 private:
  template <class Work>
  auto with(const char* doing, Work work);

  std::string url_, transport_name_, application_name_;
  std::optional<Postgres> postgres_;
  std::optional<std::uint64_t> claimed_;  // of this connection
};

}  // namespace fraiseql
