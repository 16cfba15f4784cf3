#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace fraiseql {

/// The server refused a statement; the connection still stands.
class SqlError : public std::runtime_error {
 public:
  SqlError(const std::string& what, std::string sqlstate_) : std::runtime_error(what), sqlstate(std::move(sqlstate_)) {}
  std::string sqlstate;  ///< five characters, "42P01"
};

/// What a statement returned. Owns the rows; copies share them. Views live as long as any copy.
class Rows {
 public:
  int size() const { return size_; }
  bool empty() const { return size_ == 0; }
  int affected() const { return affected_; }         ///< rows that an INSERT, UPDATE or DELETE touched
  std::string_view text(int row, int column) const;  ///< empty for NULL
  bool is_null(int row, int column) const;
  std::int64_t integer(int row, int column) const;  ///< 0 for NULL
  /// All columns of a row at once, the cheapest way; a NULL is a view whose data() is nullptr.
  void read_row(int row, std::span<std::string_view> columns) const;

 private:
  friend class Postgres;
  std::shared_ptr<const void> result_;
  int size_ = 0, affected_ = 0;
};

/// Values for $1, $2, ... as text; nullopt is NULL. A NUL byte inside throws std::invalid_argument (libpq would cut there).
using Params = std::vector<std::optional<std::string>>;

/// One PostgreSQL connection with limits on every wait. Never connects again by itself.
///
/// Every call throws Unavailable when the connection is lost (the object is then of no further use) and SqlError when
/// the server refuses. Outside transaction() each statement commits by itself, so it never idles in a transaction.
/// Used by one thread at a time, not bound to one.
class Postgres {
 public:
  struct Options {
    std::string application_name = "fraiseql";
    std::chrono::milliseconds statement_timeout{60'000};  ///< 0: none
    std::chrono::milliseconds lock_timeout{5'000};        ///< 0: none
    std::chrono::milliseconds idle_limit{0};              ///< the server ends an idle session after it (14 and later); 0: never
  };
  /// `url` is a libpq URL or keyword string; what it says wins over our limits. Throws ConfigError when it is neither.
  Postgres(const std::string& url, const Options& options);
  ~Postgres();
  Postgres(Postgres&&) noexcept;

  Rows exec(const std::string& sql);  ///< one statement or several
  Rows exec(const std::string& sql, const Params& params);
  void prepare(const std::string& name, const std::string& sql);  ///< a name once per connection
  Rows exec_prepared(const std::string& name, const Params& params);
  /// Runs `body` between BEGIN and COMMIT; an exception out of it rolls back. An SqlError inside must not be swallowed.
  void transaction(const std::function<void()>& body);

  void listen(const std::string& channel);
  /// Until a notification has come (true), `other_fd` is readable or the time is over (false). Sends nothing.
  bool wait_notification(std::chrono::milliseconds limit, int other_fd = -1);

  bool is_open() const;
  int socket() const;
  int server_version() const;  ///< 150018
  int backend_pid() const;     ///< as the client was told at connect: another than pg_backend_pid() means a pooler

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

/// Keeps freed memory in the process instead of giving it back after each page of rows, which costs three times the CPU
/// above 256 KiB a page. For a main that reads pages all day.
void keep_freed_memory();

}  // namespace fraiseql
