#include "common/postgres.hpp"

#include <libpq-fe.h>
#include <malloc.h>
#include <poll.h>

#include <cerrno>
#include <charconv>
#include <initializer_list>
#include <map>
#include <pqxx/pqxx>
#include <type_traits>

#include "common/errors.hpp"

namespace fraiseql {
namespace {

[[noreturn]] void throw_sql_error(const std::string& what, const std::string& sqlstate) {
  // Class 08, and a server that goes down, ends us (57P05: idle for too long) or has no place left: the connection is lost.
  if (sqlstate.starts_with("08") || sqlstate.starts_with("57P") || sqlstate == "53300" || sqlstate == "25P03")
    throw DatabaseUnavailable("PostgreSQL: " + what);
  throw SqlError(what, sqlstate);
}

std::string first_line(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  for (char& c : text)
    if (c == '\n') c = ' ';
  return text;
}

/// Our defaults beneath what the user's URL or keyword string says, as a keyword string.
std::string connection_string(const std::string& url, const std::string& application_name) {
  char* complaint = nullptr;
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> parsed(PQconninfoParse(url.c_str(), &complaint),
                                                                            &PQconninfoFree);
  // libpq's complaint quotes the text, password included.
  PQfreemem(complaint);
  if (!parsed) throw ConfigError("database.url: neither a PostgreSQL URL nor keywords such as host=db dbname=app");
  std::map<std::string, std::string> values = {{"connect_timeout", "5"},     {"keepalives_idle", "5"},
                                               {"keepalives_interval", "2"}, {"keepalives_count", "3"},
                                               {"tcp_user_timeout", "8000"}, {"application_name", application_name},
                                               {"client_encoding", "UTF8"}};
  for (const PQconninfoOption* option = parsed.get(); option->keyword; ++option)
    if (option->val) values[option->keyword] = option->val;
  // Of several hosts, the one that takes writes.
  if (values["host"].find(',') != std::string::npos || values["hostaddr"].find(',') != std::string::npos)
    values.try_emplace("target_session_attrs", "read-write");
  std::string text;
  for (const auto& [keyword, value] : values) {
    if (value.empty()) continue;
    text += keyword + "='";
    for (const char c : value) {
      if (c == '\'' || c == '\\') text += '\\';
      text += c;
    }
    text += "' ";
  }
  return text;
}

void refuse_nul(const Params& params) {
  for (const auto& param : params)
    if (param && param->find('\0') != std::string::npos) throw std::invalid_argument("a parameter holds a NUL byte");
}

#if PQXX_VERSION_MAJOR < 7
// 6.4 takes a list of parameters only as a container of something that can be NULL.
std::vector<const char*> dynamic_values(const Params& params) {
  refuse_nul(params);
  std::vector<const char*> values;
  values.reserve(params.size());
  for (const auto& param : params) values.push_back(param ? param->c_str() : nullptr);
  return values;
}
pqxx::result run_params(pqxx::transaction_base& transaction, const std::string& sql, const Params& params) {
  return transaction.exec_params(sql, pqxx::prepare::make_dynamic_params(dynamic_values(params)));
}
pqxx::result run_prepared(pqxx::transaction_base& transaction, const std::string& name, const Params& params) {
  return transaction.exec_prepared(name, pqxx::prepare::make_dynamic_params(dynamic_values(params)));
}
#else
pqxx::params dynamic_values(const Params& params) {
  refuse_nul(params);
  pqxx::params values;
  for (const auto& param : params) {
    if (param)
      values.append(*param);
    else
      values.append();
  }
  return values;
}
#if PQXX_VERSION_MAJOR > 7 || PQXX_VERSION_MINOR >= 10
pqxx::result run_params(pqxx::transaction_base& transaction, const std::string& sql, const Params& params) {
  return transaction.exec(sql, dynamic_values(params));
}
pqxx::result run_prepared(pqxx::transaction_base& transaction, const std::string& name, const Params& params) {
  return transaction.exec(pqxx::prepped{name}, dynamic_values(params));
}
#else
pqxx::result run_params(pqxx::transaction_base& transaction, const std::string& sql, const Params& params) {
  return transaction.exec_params(sql, dynamic_values(params));
}
pqxx::result run_prepared(pqxx::transaction_base& transaction, const std::string& name, const Params& params) {
  return transaction.exec_prepared(name, dynamic_values(params));
}
#endif
#endif

const pqxx::result& result_of(const std::shared_ptr<const void>& held) { return *static_cast<const pqxx::result*>(held.get()); }

template <class Result>
auto field_at(const Result& result, int row, int column) {
  return result[static_cast<typename Result::size_type>(row)][static_cast<pqxx::row_size_type>(column)];
}

}  // namespace

#if PQXX_VERSION_MAJOR < 7
/// A bare get_notifs() would drop what libpqxx reads on its own occasions: it tells only a receiver.
class Receiver : public pqxx::notification_receiver {
 public:
  Receiver(pqxx::connection_base& connection, const std::string& channel, bool& notified)
      : pqxx::notification_receiver(connection, channel), notified_(notified) {}
  void operator()(const std::string&, int) override { notified_ = true; }

 private:
  bool& notified_;
};
#endif

struct Postgres::Implementation {
  pqxx::connection connection;
  pqxx::transaction_base* transaction = nullptr;
  bool failed = false;  ///< a statement inside the transaction was refused
  bool notified = false;
#if PQXX_VERSION_MAJOR < 7
  std::vector<std::unique_ptr<Receiver>> receivers;
#endif

  explicit Implementation(const std::string& text) : connection(text) {
#if PQXX_VERSION_MAJOR < 7
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    // Else it connects again by itself: advisory lock, LISTEN and settings would be gone, and nobody told.
    connection.inhibit_reactivation(true);
#pragma GCC diagnostic pop
#endif
  }

  /// Calls `work` and turns libpqxx's exceptions into ours.
  template <class Work>
  auto guarded(Work work) -> decltype(work()) {
    try {
      return work();
    } catch (const pqxx::broken_connection& e) {
      throw DatabaseUnavailable("PostgreSQL: " + first_line(e.what()));
    } catch (const pqxx::in_doubt_error& e) {
      throw DatabaseUnavailable("PostgreSQL: outcome of a commit unknown: " + first_line(e.what()));
    } catch (const pqxx::sql_error& e) {
      failed = true;
      if (!connection.is_open()) throw DatabaseUnavailable("PostgreSQL: " + first_line(e.what()));
      std::string sqlstate = e.sqlstate();
      if (sqlstate.empty() && dynamic_cast<const pqxx::insufficient_privilege*>(&e)) sqlstate = "42501";  // 6.4 leaves it out
      throw_sql_error(first_line(e.what()), sqlstate);
#if PQXX_VERSION_MAJOR < 7
    } catch (const pqxx::deadlock_detected& e) {
      failed = true;
      throw SqlError(first_line(e.what()), "40P01");
    } catch (const pqxx::transaction_rollback& e) {
      failed = true;
      throw SqlError(first_line(e.what()), "40001");
#endif
    } catch (const pqxx::failure& e) {
      failed = true;
      if (!connection.is_open()) throw DatabaseUnavailable("PostgreSQL: " + first_line(e.what()));
      throw SqlError(first_line(e.what()), "XX000");
    }
  }

  /// Runs `statement` on the open transaction, or by itself without BEGIN.
  template <class Statement>
  std::shared_ptr<const pqxx::result> run(Statement statement) {
    return guarded([&] {
      // What can be known at once; libpqxx would speak of its own states.
      if (!connection.is_open()) throw DatabaseUnavailable("PostgreSQL: the connection is lost");
      if (transaction) return std::make_shared<const pqxx::result>(statement(*transaction));
      pqxx::nontransaction alone(connection);
      return std::make_shared<const pqxx::result>(statement(static_cast<pqxx::transaction_base&>(alone)));
    });
  }
};

std::string_view Rows::text(int row, int column) const {
  const auto field = field_at(result_of(result_), row, column);
  return {field.c_str(), static_cast<std::size_t>(field.size())};
}

bool Rows::is_null(int row, int column) const { return field_at(result_of(result_), row, column).is_null(); }

std::int64_t Rows::integer(int row, int column) const {
  const std::string_view digits = text(row, column);
  std::int64_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

void Rows::read_row(int row, std::span<std::string_view> columns) const {
  const auto fields = result_of(result_)[static_cast<pqxx::result::size_type>(row)];
  for (std::size_t column = 0; column < columns.size(); ++column) {
    const auto field = fields[static_cast<pqxx::row_size_type>(column)];
    columns[column] =
        field.is_null() ? std::string_view() : std::string_view(field.c_str(), static_cast<std::size_t>(field.size()));
  }
}

Postgres::Postgres(const std::string& url, const Options& options) {
  const std::string text = connection_string(url, options.application_name);
  try {
    implementation_ = std::make_unique<Implementation>(text);
  } catch (const pqxx::failure& e) {
    throw DatabaseUnavailable("connect to PostgreSQL: " + first_line(e.what()));
  }
  // By SQL and not in `options` of the connection string: poolers refuse that one with words that help nobody. The
  // server's own keepalives free the lock of a client whose machine is gone, the idle limit that of one that is frozen.
  std::string settings =
      "SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3; "
      "SET standard_conforming_strings = on; SET timezone = 'UTC'; SET datestyle = 'ISO, YMD'; "
      "SET statement_timeout = " +
      std::to_string(options.statement_timeout.count()) + "; SET lock_timeout = " + std::to_string(options.lock_timeout.count());
  if (options.idle_limit.count() > 0 && server_version() >= 140000)
    settings += "; SET idle_session_timeout = " + std::to_string(options.idle_limit.count());
  try {
    exec(settings);
  } catch (const SqlError& e) {
    throw DatabaseUnavailable(std::string("PostgreSQL: ") + e.what());
  }
}

Postgres::~Postgres() = default;
Postgres::Postgres(Postgres&&) noexcept = default;

namespace {

int count(const pqxx::result& result) { return static_cast<int>(result.size()); }

}  // namespace

Rows Postgres::exec(const std::string& sql) { return exec(sql, Params{}); }

Rows Postgres::exec(const std::string& sql, const Params& params) {
  const auto result = implementation_->run([&](pqxx::transaction_base& transaction) {
    return params.empty() ? pqxx::result(transaction.exec(sql)) : run_params(transaction, sql, params);
  });
  Rows rows;
  rows.size_ = count(*result);
  rows.affected_ = static_cast<int>(result->affected_rows());
  rows.result_ = result;
  return rows;
}

void Postgres::prepare(const std::string& name, const std::string& sql) {
  implementation_->guarded([&] { implementation_->connection.prepare(name, sql); });
}

Rows Postgres::exec_prepared(const std::string& name, const Params& params) {
  const auto result =
      implementation_->run([&](pqxx::transaction_base& transaction) { return run_prepared(transaction, name, params); });
  Rows rows;
  rows.size_ = count(*result);
  rows.affected_ = static_cast<int>(result->affected_rows());
  rows.result_ = result;
  return rows;
}

void Postgres::transaction(const std::function<void()>& body) {
  Implementation& self = *implementation_;
  if (self.transaction) throw std::logic_error("a transaction inside a transaction");
  self.failed = false;
  struct Closing {
    Implementation& owner;
    ~Closing() { owner.transaction = nullptr; }
  };
  self.guarded([&] {
    pqxx::work work(self.connection);
    self.transaction = &work;
    const Closing closing{self};
    body();
    // The server has rolled back, and libpqxx 7 would let commit() return as if nothing had been.
    if (self.failed) throw std::logic_error("an SQL error inside a transaction was swallowed");
    work.commit();
  });
}

void Postgres::listen(const std::string& channel) {
  Implementation& self = *implementation_;
  self.guarded([&] {
#if PQXX_VERSION_MAJOR < 7
    self.receivers.push_back(std::make_unique<Receiver>(self.connection, channel, self.notified));
#else
    // The handler outlives this call and looks only at what lives as long as the connection.
    self.connection.listen(channel, [&self](const pqxx::notification&) { self.notified = true; });
#endif
  });
}

bool Postgres::wait_notification(std::chrono::milliseconds limit, int other_fd) {
  Implementation& self = *implementation_;
  const auto deadline = std::chrono::steady_clock::now() + limit;
  // 6.4 keeps what arrived during a statement until it is asked outside of one, and then the socket has nothing more to say.
  if (self.connection.is_open()) self.guarded([&] { self.connection.get_notifs(); });
  while (!self.notified) {
    if (!self.connection.is_open()) throw DatabaseUnavailable("PostgreSQL: the connection is lost");
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd waiting[] = {{self.connection.sock(), POLLIN, 0}, {other_fd, POLLIN, 0}};
    const int ready = poll(waiting, other_fd >= 0 ? 2 : 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    if (ready == 0 || (ready < 0 && errno != EINTR)) return false;
    if (ready < 0) continue;
    if (waiting[0].revents != 0) {
      self.guarded([&] { self.connection.get_notifs(); });
      // 6.4 tells of a lost connection once at most, here perhaps not at all.
      if (!self.connection.is_open()) throw DatabaseUnavailable("PostgreSQL: the connection is lost");
    }
    if (other_fd >= 0 && waiting[1].revents != 0) break;
  }
  return std::exchange(self.notified, false);
}

bool Postgres::is_open() const { return implementation_->connection.is_open(); }
int Postgres::socket() const { return implementation_->connection.sock(); }
int Postgres::server_version() const { return implementation_->connection.server_version(); }
int Postgres::backend_pid() const { return implementation_->connection.backendpid(); }

void keep_freed_memory() {
  constexpr int limit = 64 * 1024 * 1024;
  mallopt(M_TRIM_THRESHOLD, limit);
  mallopt(M_MMAP_THRESHOLD, limit);
}

}  // namespace fraiseql
