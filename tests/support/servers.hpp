#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tests/support/child.hpp"

namespace fraiseql::test {

/// A real nats-server with JetStream on a free port of 127.0.0.1, its store in a temporary directory. The binary is
/// that of the variable NATS_SERVER, else Debian's. Throws std::runtime_error when it does not start.
class NatsServer {
 public:
  explicit NatsServer(std::vector<std::string> more_arguments = {});
  std::string url() const { return "nats://127.0.0.1:" + std::to_string(port_); }
  int port() const { return port_; }
  void kill();   ///< SIGKILL
  void stop();   ///< SIGTERM, lame duck off
  void start();  ///< again, same port and store
  void restart() { kill(); start(); }
  pid_t pid() const { return child_->pid(); }
  bool running() { return child_ && child_->running(); }
  std::filesystem::path store() const { return directory_ / "store"; }  ///< where it keeps its files
  std::string log() const { return child_ ? child_->err() : ""; }  ///< what this run of it has said so far
  void pause();   ///< SIGSTOP: connections stay open and nothing answers
  void resume();
  std::string version() const;
  /// Before 2.10.16, and only when an executor leaves: see redelivery_fact_test.
  bool gives_acknowledged_again() const;

 private:
  TempDir directory_;
  std::vector<std::string> more_arguments_;
  int port_ = -1;
  std::optional<Child> child_;
};

/// A real PostgreSQL cluster, reached over a socket in a temporary directory and over TCP of 127.0.0.1. The binaries are
/// those of the variable PG_BIN, else the newest below /usr/lib/postgresql. Runs as user postgres when the test is root.
class PostgresServer {
 public:
  PostgresServer();
  ~PostgresServer();
  /// Makes an empty database of a fresh name and returns its libpq URL.
  std::string create_database();
  std::string url(const std::string& database) const;      ///< over the socket
  std::string tcp_url(const std::string& database) const;  ///< over 127.0.0.1
  void kill();     ///< SIGQUIT: an immediate shutdown
  void stop();     ///< SIGINT: a fast shutdown
  void start();
  void restart() { kill(); start(); }

 private:
  TempDir directory_;
  std::string bin_;
  int port_;
  std::optional<Child> child_;
};

/// Runs SQL by psql, the independent client. Throws std::runtime_error with psql's words when it fails. The answer is
/// unaligned, tuples only, columns parted by |, without the last line break.
std::string sql(const std::string& url, const std::string& statements);

/// The servers of this test program, started when first asked for.
NatsServer& nats_server();
PostgresServer& postgres_server();

/// A fresh database with our schema on it (by `fraiseql migrate`); its URL.
std::string migrated_database();

}  // namespace fraiseql::test
