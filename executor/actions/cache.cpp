#include <curl/curl.h>
#include <hiredis/hiredis.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <stdexcept>

#include "common/errors.hpp"
#include "executor/actions/compile.hpp"
#include "executor/actions/kinds.hpp"
#include "executor/actions/running.hpp"

namespace fraiseql {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto connect_limit = 5s;
constexpr auto slack = 1s;             // for the thread to tell what became of it
constexpr const char* batch = "1000";  // keys that one SCAN looks at

/// Where Redis is. Immutable, shared by the tries that use it.
struct CacheServer {
  std::string host;
  int port = 6379;
  std::string user, password, database;  // empty: none

  bool operator==(const CacheServer&) const = default;
};

/// The server's own words for no.
struct Refusal : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct Silence : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
struct FreeContext {
  void operator()(redisContext* context) const { redisFree(context); }
};
using Reply = std::unique_ptr<redisReply, FreeReply>;
using Words = std::vector<std::string>;

timeval as_timeval(Clock::duration pause) {
  const auto micros = std::max<std::int64_t>(std::chrono::duration_cast<std::chrono::microseconds>(pause).count(), 1000);
  return {micros / 1'000'000, micros % 1'000'000};
}

/// One thread's connection, kept between commands.
class Cache {
 public:
  /// Throws as `ask` does.
  Cache(std::shared_ptr<const CacheServer> server, Clock::time_point deadline) : server_(std::move(server)) {
    context_.reset(redisConnectWithTimeout(server_->host.c_str(), server_->port,
                                           as_timeval(std::min<Clock::duration>(deadline - Clock::now(), connect_limit))));
    if (!context_) throw std::runtime_error("hiredis: out of memory");
    if (context_->err != 0) lost();
    redisEnableKeepAlive(context_.get());
    if (!server_->password.empty())
      ask(server_->user.empty() ? Words{"AUTH", server_->password} : Words{"AUTH", server_->user, server_->password}, deadline);
    if (!server_->database.empty()) ask({"SELECT", server_->database}, deadline);
  }

  const std::shared_ptr<const CacheServer>& server() const { return server_; }
  int socket() const { return context_->fd; }

  /// Throws Refusal, or Silence, or std::runtime_error when the connection is lost; it is of no further use after these two.
  Reply ask(const Words& words, Clock::time_point deadline) {
    if (Clock::now() >= deadline) throw Silence("Redis: out of time");
    redisSetTimeout(context_.get(), as_timeval(deadline - Clock::now()));
    std::vector<const char*> starts;
    std::vector<std::size_t> sizes;
    for (const auto& word : words) {
      starts.push_back(word.data());
      sizes.push_back(word.size());
    }
    Reply reply(
        static_cast<redisReply*>(redisCommandArgv(context_.get(), static_cast<int>(words.size()), starts.data(), sizes.data())));
    if (!reply) lost();
    if (reply->type == REDIS_REPLY_ERROR) throw Refusal(std::string(reply->str, reply->len));
    return reply;
  }

 private:
  [[noreturn]] void lost() const {
    const int number = errno;
    const bool ended = context_->err == REDIS_ERR_EOF || context_->err == REDIS_ERR_PROTOCOL;
    if (!ended && (number == EAGAIN || number == ETIMEDOUT || number == EINPROGRESS))
      throw Silence("Redis: no answer in time");
    throw std::runtime_error(std::string("Redis: ") + context_->errstr);
  }

  std::shared_ptr<const CacheServer> server_;
  std::unique_ptr<redisContext, FreeContext> context_;
};

// What passes: it starts, a script runs, a failover goes on, it is out of memory or disk. All else would be said again.
bool passes(std::string_view refusal) {
  static constexpr std::array<std::string_view, 10> passing{
      "LOADING ",     "BUSY ",       "READONLY ", "TRYAGAIN ", "MASTERDOWN ",
      "CLUSTERDOWN ", "NOREPLICAS ", "MISCONF ",  "OOM ",      "ERR max number of clients"};
  return std::any_of(passing.begin(), passing.end(), [&](std::string_view word) { return refusal.starts_with(word); });
}

struct Removal {
  std::string key;  // or pattern
  bool pattern;
};

void remove_matching(Cache& cache, const std::string& pattern, Clock::time_point deadline, const std::stop_token& token) {
  std::string cursor = "0";
  do {
    const Reply page = cache.ask({"SCAN", cursor, "MATCH", pattern, "COUNT", batch}, deadline);
    if (page->type != REDIS_REPLY_ARRAY || page->elements != 2) throw Refusal("SCAN was answered by something else");
    cursor.assign(page->element[0]->str, page->element[0]->len);
    Words unlink{"UNLINK"};
    for (std::size_t i = 0; i < page->element[1]->elements; ++i)
      unlink.emplace_back(page->element[1]->element[i]->str, page->element[1]->element[i]->len);
    if (unlink.size() > 1) cache.ask(unlink, deadline);
  } while (cursor != "0" && !token.stop_requested());
}

Outcome run_removal(const std::shared_ptr<const CacheServer>& server, const Removal& removal, std::chrono::milliseconds limit,
                    const std::stop_token& token) {
  thread_local std::unique_ptr<Cache> kept;
  const auto deadline = Clock::now() + limit;
  bool fresh = !kept || *kept->server() != *server;
  while (!token.stop_requested()) try {
      if (fresh) {
        kept.reset();
        kept = std::make_unique<Cache>(server, deadline);
      }
      const std::stop_callback cut(token, [socket = kept->socket()] { shutdown(socket, SHUT_RDWR); });
      if (removal.pattern)
        remove_matching(*kept, removal.key, deadline, token);
      else
        kept->ask({"UNLINK", removal.key}, deadline);
      return {};
    } catch (const Refusal& e) {
      kept.reset();  // after a failover the name leads elsewhere
      return {Failure::network, 0, std::string("Redis: ") + e.what(), {}, !passes(e.what())};
    } catch (const Silence& e) {
      kept.reset();
      return {Failure::timeout, 0, e.what(), {}};
    } catch (const std::exception& e) {
      kept.reset();
      if (fresh) return {Failure::network, 0, e.what(), {}};
      fresh = true;  // the kept connection was dead; to remove a key twice is to remove it once
    }
  return {Failure::timeout, 0, "broken off", {}};
}

/// Reads redis://[[user]:password@]host[:port][/database]. Throws ConfigError.
CacheServer server_of(const std::string& url) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> parsed(curl_url(), &curl_url_cleanup);
  if (!url.starts_with("redis://") ||
      curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
    throw ConfigError("redis.url: write redis://[user:password@]host[:port][/database]");
  const auto part = [&](CURLUPart which) {
    char* text = nullptr;
    if (curl_url_get(parsed.get(), which, &text, CURLU_URLDECODE) != CURLUE_OK) return std::string();
    std::string copy = text;
    curl_free(text);
    return copy;
  };
  CacheServer server;
  server.host = part(CURLUPART_HOST);
  if (server.host.starts_with('[')) server.host = server.host.substr(1, server.host.size() - 2);
  if (const auto port = part(CURLUPART_PORT); !port.empty()) server.port = std::atoi(port.c_str());
  server.user = part(CURLUPART_USER);
  server.password = part(CURLUPART_PASSWORD);
  if (const auto path = part(CURLUPART_PATH); path.size() > 1) server.database = path.substr(1);
  return server;
}

class CacheAction : public Action {
 public:
  CacheAction(const ActionConfig& config, CacheServer server)
      : server_(std::make_shared<const CacheServer>(std::move(server))),
        host_("redis " + server_->host + ":" + std::to_string(server_->port)),
        timeout_(config.timeout),
        pattern_(config.key_pattern.text.find('*') != std::string::npos),
        key_(compile(config.key_pattern, "key_pattern", pattern_ ? Template::Place::pattern : Template::Place::key)) {}

  const std::string& host() const override { return host_; }

  std::unique_ptr<Running> start(const Try& attempt, const ActionTools& tools, Done done) const override {
    unsigned unknown = 0;
    const Removal removal{key_.render(attempt.event, unknown), pattern_};
    // An empty text would make a wide pattern of a narrow one.
    if (pattern_ ? unknown > 0 || (!key_.fixed() && removal.key.find_first_not_of('*') == std::string::npos)
                 : removal.key.empty())
      return run_nothing(
          tools.loop,
          {Failure::unusable_template, 0, "key_pattern: the event has no value for it: '" + removal.key + "'", {}, true},
          std::move(done));
    return run_blocking(tools,
                        {host_, timeout_ + slack,
                         [server = server_, removal, limit = timeout_](const std::stop_token& token) {
                           return run_removal(server, removal, limit, token);
                         }},
                        std::move(done));
  }

  std::string preview(const Try& attempt) const override {
    return preview_of([&] {
      return "cache " + host_ + (pattern_ ? " UNLINK all that match " : " UNLINK ") + fill(key_, "key_pattern", attempt);
    });
  }

  std::string complaint() const override try {
    const auto deadline = Clock::now() + connect_limit;
    Cache(server_, deadline).ask({"PING"}, deadline);
    return {};
  } catch (const std::exception& e) {
    return host_ + ": " + e.what();
  }

 private:
  std::shared_ptr<const CacheServer> server_;
  std::string host_;
  std::chrono::milliseconds timeout_;
  bool pattern_;
  Template key_;
};

}  // namespace

std::unique_ptr<const Action> make_cache(const ActionConfig& config, const ActionSettings& settings) {
  if (settings.redis_url.empty())
    throw ConfigError(config.origin + ": observers.actions.type: cache needs a table [redis] with url");
  if (!config.key_pattern.set()) throw ConfigError(config.origin + ": observers.actions.key_pattern: is missing");
  return std::make_unique<CacheAction>(config, server_of(settings.redis_url));
}

}  // namespace fraiseql
