#include "common/nats/link.hpp"

#include <rapidjson/document.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "common/errors.hpp"

namespace fraiseql::nats {

using namespace std::chrono_literals;

void check(natsStatus status, std::string_view doing) {
  if (status == NATS_OK) return;
  std::string text = std::string(doing) + ": " + natsStatus_GetText(status);
  // natsStatus_GetText says only the kind; the detail is in the thread's last error.
  natsStatus last = NATS_OK;
  if (const char* detail = nats_GetLastError(&last); detail && *detail && last == status) text += std::string(" (") + detail + ")";
  throw Unavailable(text);
}

struct Link::State {
  Connection connection;
  Options options;
  std::function<void()> changed;
  std::atomic<bool> closed{false};
  std::atomic<bool> connected{false};
  std::atomic<std::uint64_t> reconnects{0};
  std::mutex mutex;
  std::string trouble;
  // The closed callback is the last that cnats calls; the destructor waits for it.
  std::condition_variable told;

  void tell() {
    if (changed) changed();
  }
};

namespace {

std::vector<std::string> split_servers(const std::string& urls) {
  std::vector<std::string> servers;
  std::size_t from = 0;
  while (from <= urls.size()) {
    const std::size_t comma = std::min(urls.find(',', from), urls.size());
    std::string url = urls.substr(from, comma - from);
    url.erase(0, url.find_first_not_of(' '));
    url.erase(url.find_last_not_of(' ') + 1);
    if (!url.empty()) servers.push_back(std::move(url));
    from = comma + 1;
  }
  return servers;
}

void set(natsStatus status, const std::string& what) {
  if (status != NATS_OK) throw ConfigError("NATS: " + what + ": " + natsStatus_GetText(status));
}

// What the connecting thread leaves behind. The caller may have gone away by then.
struct Attempt {
  std::mutex mutex;
  std::condition_variable done;
  bool finished = false, abandoned = false;
  natsStatus status = NATS_OK;
  std::string detail;
  Connection connection;
};

}  // namespace

Link::Link(const NatsConfig& config, Reconnect reconnect, const std::string& name, std::function<void()> changed)
    : state_(std::make_shared<State>()) {
  state_->changed = std::move(changed);
  natsOptions* raw = nullptr;
  if (natsOptions_Create(&raw) != NATS_OK) throw Unavailable("NATS: out of memory");
  state_->options.reset(raw);

  const auto servers = split_servers(config.url);
  std::vector<const char*> list;
  for (const auto& server : servers) list.push_back(server.c_str());
  set(natsOptions_SetServers(raw, list.data(), static_cast<int>(list.size())), "transport.nats.url");
  set(natsOptions_SetName(raw, name.c_str()), "name");
  set(natsOptions_SetTimeout(raw, 5000), "time-out");
  // A half-open connection is noticed after three pings: the default is two times two minutes.
  set(natsOptions_SetPingInterval(raw, 3000), "ping interval");
  set(natsOptions_SetMaxPingsOut(raw, 2), "pings out");
  set(natsOptions_SetAllowReconnect(raw, reconnect == Reconnect::always), "reconnect");
  if (reconnect == Reconnect::always) {
    set(natsOptions_SetMaxReconnect(raw, -1), "reconnect");
    set(natsOptions_SetReconnectWait(raw, 250), "reconnect wait");
    set(natsOptions_SetReconnectJitter(raw, 250, 500), "reconnect jitter");
  }
  if (!config.user.empty()) set(natsOptions_SetUserInfo(raw, config.user.c_str(), config.password.c_str()), "transport.nats.user");
  if (!config.token.empty()) set(natsOptions_SetToken(raw, config.token.c_str()), "transport.nats.token");

  // The closures hold a plain pointer: cnats keeps calling them until the closed callback has run, and the destructor waits for that.
  State* state = state_.get();
  natsOptions_SetClosedCB(
      raw,
      [](natsConnection*, void* self) {
        auto* s = static_cast<State*>(self);
        s->connected = false;
        s->tell();
        const std::lock_guard lock(s->mutex);
        s->closed = true;
        s->told.notify_all();
      },
      state);
  natsOptions_SetDisconnectedCB(
      raw,
      [](natsConnection*, void* self) {
        auto* s = static_cast<State*>(self);
        s->connected = false;
        s->tell();
      },
      state);
  natsOptions_SetReconnectedCB(
      raw,
      [](natsConnection*, void* self) {
        auto* s = static_cast<State*>(self);
        ++s->reconnects;
        s->connected = true;
        {
          const std::lock_guard lock(s->mutex);
          s->trouble.clear();
        }
        s->tell();
      },
      state);
  natsOptions_SetErrorHandler(
      raw,
      [](natsConnection* connection, natsSubscription*, natsStatus status, void* self) {
        auto* s = static_cast<State*>(self);
        const char* detail = nullptr;
        natsConnection_GetLastError(connection, &detail);
        {
          const std::lock_guard lock(s->mutex);
          s->trouble = detail && *detail ? detail : natsStatus_GetText(status);
        }
        s->tell();
      },
      state);

  // cnats before 3.8 hangs past its own time-out on a server that sends endless bytes: hence a thread, and a deadline of ours.
  auto attempt = std::make_shared<Attempt>();
  std::thread([attempt, keep = state_] {
    natsConnection* made = nullptr;
    const natsStatus status = natsConnection_Connect(&made, keep->options.get());
    natsStatus last = NATS_OK;
    const char* detail = status == NATS_OK ? nullptr : nats_GetLastError(&last);
    Connection connection(made);
    const std::lock_guard lock(attempt->mutex);
    attempt->status = status;
    if (detail) attempt->detail = detail;
    if (!attempt->abandoned) attempt->connection = std::move(connection);
    attempt->finished = true;
    attempt->done.notify_all();
  }).detach();
  std::unique_lock lock(attempt->mutex);
  if (!attempt->done.wait_for(lock, 10s, [&] { return attempt->finished; })) {
    attempt->abandoned = true;
    throw Unavailable("connect to NATS: no answer within 10 s");
  }
  if (attempt->status != NATS_OK)
    throw Unavailable("connect to NATS: " + (attempt->detail.empty() ? std::string(natsStatus_GetText(attempt->status)) : attempt->detail));
  state_->connection = std::move(attempt->connection);
  state_->connected = true;
}

Link::~Link() {
  natsConnection_Close(state_->connection.get());
  std::unique_lock lock(state_->mutex);
  state_->told.wait_for(lock, 10s, [this] { return state_->closed.load(); });
}

natsConnection* Link::get() const { return state_->connection.get(); }
bool Link::closed() const { return state_->closed || natsConnection_IsClosed(get()); }
bool Link::connected() const { return state_->connected && !closed(); }
std::uint64_t Link::reconnects() const { return state_->reconnects; }
std::int64_t Link::max_payload() const { return natsConnection_GetMaxPayload(get()); }

std::string Link::trouble() const {
  const std::lock_guard lock(state_->mutex);
  return state_->trouble;
}

std::string Link::server() const {
  char url[512] = "";
  if (natsConnection_GetConnectedUrl(get(), url, sizeof url) != NATS_OK) return "";
  std::string text = url;
  const auto at = text.rfind('@');
  const auto scheme = text.find("://");
  if (at != std::string::npos && scheme != std::string::npos && at > scheme) text.erase(scheme + 3, at - scheme - 2);
  return text;
}

ApiAnswer Link::api(std::string_view subject, std::string_view json, std::chrono::milliseconds limit) const {
  const std::string full = "$JS.API." + std::string(subject);
  natsMsg* raw = nullptr;
  const natsStatus status = natsConnection_Request(&raw, get(), full.c_str(), json.data(), static_cast<int>(json.size()), limit.count());
  const Message answer(raw);
  if (status == NATS_NO_RESPONDERS) throw Unavailable(full + ": no answer: JetStream is not enabled on this server or in this account");
  if (status == NATS_TIMEOUT) {
    const std::string said = trouble();
    throw Unavailable(full + ": no answer within " + std::to_string(limit.count()) + " ms" + (said.empty() ? "" : " (" + said + ")"));
  }
  check(status, full);
  return parse_answer(std::string(data(answer.get())));
}

ApiAnswer parse_answer(std::string json) {
  ApiAnswer answer;
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
  answer.json = std::move(json);
  if (document.HasParseError() || !document.IsObject()) {
    answer.code = 500;
    answer.description = "an answer that is not a JSON object";
    return answer;
  }
  const auto error = document.FindMember("error");
  if (error == document.MemberEnd() || !error->value.IsObject()) return answer;
  const auto number = [&](const char* name) {
    const auto member = error->value.FindMember(name);
    return member != error->value.MemberEnd() && member->value.IsInt() ? member->value.GetInt() : 0;
  };
  answer.code = number("code") ? number("code") : 500;
  answer.err_code = number("err_code");
  const auto text = error->value.FindMember("description");
  if (text != error->value.MemberEnd() && text->value.IsString()) answer.description = text->value.GetString();
  return answer;
}

}  // namespace fraiseql::nats
