#include "tests/support/programs.hpp"
#include "tests/support/servers.hpp"

#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <tuple>
#include <unistd.h>

namespace fraiseql::test {
namespace {

std::string binary_of_nats() {
  if (const char* chosen = std::getenv("NATS_SERVER"); chosen && *chosen) return chosen;
  return "/usr/sbin/nats-server";
}

std::string binaries_of_postgres() {
  if (const char* chosen = std::getenv("PG_BIN"); chosen && *chosen) return chosen;
  int newest = 0;
  const std::filesystem::path root = "/usr/lib/postgresql";
  if (std::filesystem::exists(root))
    for (const auto& entry : std::filesystem::directory_iterator(root)) newest = std::max(newest, std::atoi(entry.path().filename().c_str()));
  if (newest == 0) throw std::runtime_error("no PostgreSQL below /usr/lib/postgresql; set PG_BIN");
  return root / std::to_string(newest) / "bin";
}

}  // namespace

NatsServer::NatsServer(std::vector<std::string> more_arguments) : more_arguments_(std::move(more_arguments)) { start(); }

void NatsServer::start() {
  std::vector<std::string> command = {binary_of_nats(), "-js", "-a", "127.0.0.1", "-p", std::to_string(port_), "-sd", (directory_ / "store").string()};
  if (port_ < 0) command.insert(command.end(), {"--ports_file_dir", directory_.path().string()});
  command.insert(command.end(), more_arguments_.begin(), more_arguments_.end());
  child_.emplace(command);
  const auto ready = [this] {
    if (!child_->running()) throw std::runtime_error("nats-server did not start: " + child_->err());
    return child_->err().find("Server is ready") != std::string::npos;
  };
  if (!eventually(ready)) throw std::runtime_error("nats-server is not ready: " + child_->err());
  if (port_ > 0) return;
  const auto known = [this] {
    for (const auto& entry : std::filesystem::directory_iterator(directory_.path())) {
      if (entry.path().extension() != ".ports") continue;
      const std::string text = read_file(entry.path());
      const auto colon = text.find("127.0.0.1:");
      if (colon == std::string::npos) continue;
      port_ = std::atoi(text.c_str() + colon + 10);
      return true;
    }
    return false;
  };
  if (!eventually(known)) throw std::runtime_error("nats-server wrote no ports file");
}

void NatsServer::kill() {
  child_->kill();
  child_.reset();
}
void NatsServer::stop() {
  child_->signal(SIGTERM);
  child_->wait();
  child_.reset();
}
void NatsServer::pause() { child_->signal(SIGSTOP); }
void NatsServer::resume() { child_->signal(SIGCONT); }
std::string NatsServer::version() const {
  const std::string said = run({binary_of_nats(), "--version"}).out;  // nats-server: v2.9.10
  const auto at = said.find(": v");
  return at == std::string::npos ? said : said.substr(at + 3, said.find_last_not_of('\n') - at - 2);
}

bool NatsServer::gives_acknowledged_again() const {
  int major = 0, minor = 0, patch = 0;
  if (std::sscanf(version().c_str(), "%d.%d.%d", &major, &minor, &patch) != 3) throw std::runtime_error("nats-server: version " + version());
  return std::tie(major, minor, patch) < std::tuple(2, 10, 16);
}

PostgresServer::PostgresServer() : bin_(binaries_of_postgres()), port_(free_port()) {
  if (geteuid() == 0) {
    const Finished owned = run({"chown", "postgres", directory_.path().string()});
    if (owned.status != 0) throw std::runtime_error("chown: " + owned.err);
  }
  Child::Options options;
  options.user = "postgres";
  options.directory = "/";
  const Finished made = run({bin_ + "/initdb", "-D", (directory_ / "data").string(), "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"}, options);
  if (made.status != 0) throw std::runtime_error("initdb: " + made.err);
  start();
}

PostgresServer::~PostgresServer() {
  if (child_) kill();
}

void PostgresServer::start() {
  Child::Options options;
  options.user = "postgres";
  options.directory = "/";
  child_.emplace(std::vector<std::string>{bin_ + "/postgres", "-D", (directory_ / "data").string(), "-k", directory_.path().string(), "-c",
                                          "listen_addresses=127.0.0.1", "-p", std::to_string(port_), "-c", "fsync=off", "-c",
                                          "max_connections=200", "-c", "shared_buffers=256MB", "-c", "max_wal_size=4GB", "-c",
                                          "max_prepared_transactions=10"},
                 options);
  const auto ready = [this] {
    if (!child_->running()) throw std::runtime_error("PostgreSQL did not start: " + child_->err());
    return run({"psql", "-XAtq", "-c", "SELECT 1", url("postgres")}).status == 0;
  };
  if (!eventually(ready, std::chrono::seconds(60))) throw std::runtime_error("PostgreSQL is not ready: " + child_->err());
}

void PostgresServer::kill() {
  child_->signal(SIGQUIT);
  child_->wait();
  child_.reset();
}
void PostgresServer::stop() {
  child_->signal(SIGINT);
  child_->wait();
  child_.reset();
}

std::string PostgresServer::url(const std::string& database) const {
  return "postgresql://postgres@/" + database + "?host=" + directory_.path().string() + "&port=" + std::to_string(port_);
}
std::string PostgresServer::tcp_url(const std::string& database) const {
  return "postgresql://postgres@127.0.0.1:" + std::to_string(port_) + "/" + database;
}

std::string PostgresServer::create_database() {
  const std::string name = unique("test");
  sql(url("postgres"), "CREATE DATABASE " + name);
  return url(name);
}

std::string sql(const std::string& url, const std::string& statements) {
  Child::Options options;
  options.use_stdin = true;
  Child psql({"psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", url, "-f", "-"}, options);
  psql.write(statements);
  psql.close_input();
  if (psql.wait(std::chrono::seconds(600)) != 0) throw std::runtime_error("psql: " + psql.err());
  std::string answer = psql.out();
  while (!answer.empty() && answer.back() == '\n') answer.pop_back();
  return answer;
}

NatsServer& nats_server() {
  static NatsServer server;
  return server;
}

PostgresServer& postgres_server() {
  static PostgresServer server;
  return server;
}

std::string migrated_database() {
  const std::string url = postgres_server().create_database();
  Child::Options options;
  options.environment["DATABASE_URL"] = url;
  options.directory = "/";
  const Finished migrated = run({FRAISEQL_COMMAND, "migrate"}, options);
  if (migrated.status != 0) throw std::runtime_error("fraiseql migrate: " + migrated.err);
  return url;
}

}  // namespace fraiseql::test
