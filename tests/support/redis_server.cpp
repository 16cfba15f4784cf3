#include "tests/support/redis_server.hpp"

#include <csignal>
#include <stdexcept>

namespace fraiseql::test {

RedisServer::RedisServer(std::string password) : password_(std::move(password)), port_(free_port()) { start(); }

void RedisServer::start() {
  std::vector<std::string> line = {
      "redis-server", "--bind", "127.0.0.1", "--port", std::to_string(port_), "--save", "", "--dir", directory_.path().string()};
  if (!password_.empty()) line.insert(line.end(), {"--requirepass", password_});
  child_.emplace(line);
  const auto ready = [this] {
    if (!child_->running()) throw std::runtime_error("redis-server did not start: " + child_->out());
    return command({"PING"}) == "PONG";
  };
  if (!eventually(ready)) throw std::runtime_error("redis-server is not ready: " + child_->out());
}

void RedisServer::kill() {
  child_->kill();
  child_.reset();
}
void RedisServer::pause() { child_->signal(SIGSTOP); }
void RedisServer::resume() { child_->signal(SIGCONT); }

std::string RedisServer::url(const std::string& database) const {
  return "redis://" + (password_.empty() ? "" : ":" + password_ + "@") + "127.0.0.1:" + std::to_string(port_) + "/" + database;
}

std::string RedisServer::command(const std::vector<std::string>& words, const std::string& database) const {
  std::vector<std::string> line = {"redis-cli", "--raw", "-p", std::to_string(port_), "-n", database};
  line.insert(line.end(), words.begin(), words.end());
  Child::Options options;
  if (!password_.empty()) options.environment["REDISCLI_AUTH"] = password_;
  std::string said = run(line, options).out;
  while (!said.empty() && said.back() == '\n') said.pop_back();
  return said;
}

}  // namespace fraiseql::test
