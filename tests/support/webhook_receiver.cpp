#include "tests/support/webhook_receiver.hpp"

#include <arpa/inet.h>
#include <civetweb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <mutex>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <unordered_set>

namespace fraiseql::test {
namespace {

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  return text;
}

// civetweb does not tell the descriptor of a connection: it is the one with these two ports.
void reset_connection(int own_port, int peer_port) {
  for (int fd = 3; fd < 4096; ++fd) {
    sockaddr_in own{}, peer{};
    socklen_t own_size = sizeof own, peer_size = sizeof peer;
    if (getsockname(fd, reinterpret_cast<sockaddr*>(&own), &own_size) != 0 || own.sin_family != AF_INET ||
        ntohs(own.sin_port) != own_port)
      continue;
    if (getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &peer_size) != 0 || ntohs(peer.sin_port) != peer_port) continue;
    sockaddr none{};
    none.sa_family = AF_UNSPEC;
    connect(fd, &none, sizeof none);  // a TCP connection is reset by this
    return;
  }
}

}  // namespace

struct WebhookReceiver::Impl {
  mg_context* context = nullptr;
  int port = 0;
  mutable std::mutex mutex;
  std::vector<Request> requests;
  std::map<std::string, std::vector<Answer>> answers;
  std::function<Answer(const Request&, std::size_t)> decide;
  std::unordered_map<std::string, std::size_t> earlier;  // by path and webhook-id
  int open = 0, most = 0;
  std::atomic<bool> stopping{false}, held{false};
  std::atomic<std::size_t> sent{0};

  Answer next(const std::string& path) {
    const auto found = answers.find(path);
    if (found == answers.end() || found->second.empty()) return {};
    Answer answer = found->second.front();
    if (found->second.size() > 1) found->second.erase(found->second.begin());
    return answer;
  }

  void pause(std::chrono::milliseconds time) {
    const auto until = std::chrono::steady_clock::now() + time;
    while (!stopping && std::chrono::steady_clock::now() < until)
      std::this_thread::sleep_for(
          std::min<std::chrono::nanoseconds>(std::chrono::milliseconds(20), until - std::chrono::steady_clock::now()));
  }

  int handle(mg_connection* connection) {
    const mg_request_info* info = mg_get_request_info(connection);
    Request request;
    request.method = info->request_method;
    request.path = info->local_uri;
    if (info->query_string) request.query = info->query_string;
    request.at = std::chrono::steady_clock::now();
    for (int i = 0; i < info->num_headers; ++i) request.headers[lower(info->http_headers[i].name)] = info->http_headers[i].value;
    char buffer[16384];
    for (int got; (got = mg_read(connection, buffer, sizeof buffer)) > 0;)
      request.body.append(buffer, static_cast<std::size_t>(got));
    Answer answer;
    std::size_t number;
    {
      const std::lock_guard lock(mutex);
      answer = decide ? decide(request, earlier[request.path + ' ' + request.headers["webhook-id"]]++) : next(request.path);
      number = requests.size();
      requests.push_back(std::move(request));
      most = std::max(most, ++open);
    }
    pause(answer.delay);
    while (held && !stopping) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    {
      // Before it is sent: what the client does next comes after it.
      const std::lock_guard lock(mutex);
      requests[number].answered_at = std::chrono::steady_clock::now();
      if (answer.how == Answer::How::whole) requests[number].answered = answer.status;
    }
    respond(connection, answer, info->remote_port);
    const std::lock_guard lock(mutex);
    --open;
    return answer.status;
  }

  void respond(mg_connection* connection, const Answer& answer, int peer_port) {
    using How = Answer::How;
    if (answer.how == How::reset) return reset_connection(port, peer_port);
    const std::size_t length = answer.how == How::whole ? answer.body.size() : std::size_t{1} << 30;
    std::string head =
        "HTTP/1.1 " + std::to_string(answer.status) + " Answer\r\nContent-Length: " + std::to_string(length) + "\r\n";
    for (const auto& [name, value] : answer.headers) head += name + ": " + value + "\r\n";
    head += "\r\n";
    if (mg_write(connection, head.data(), head.size()) <= 0) return;
    if (answer.how == How::whole) {
      mg_write(connection, answer.body.data(), answer.body.size());
    } else if (answer.how == How::reset_inside) {
      mg_write(connection, "half", 4);
      reset_connection(port, peer_port);
    } else if (answer.how == How::drip) {
      while (!stopping && mg_write(connection, "x", 1) > 0) pause(std::chrono::milliseconds(100));
    } else {
      const std::string block(64 * 1024, 'x');
      while (!stopping && sent < length) {
        if (mg_write(connection, block.data(), block.size()) <= 0) return;
        sent += block.size();
      }
    }
  }
};

WebhookReceiver::WebhookReceiver() : impl_(std::make_unique<Impl>()) {
  const char* options[] = {
      "decode_url", "no", "listening_ports", "127.0.0.1:0", "num_threads", "80",   "enable_keep_alive", "yes", "keep_alive_timeout_ms",
      "60000",           "tcp_nodelay", "1",           nullptr};
  mg_callbacks callbacks{};
  impl_->context = mg_start(&callbacks, nullptr, options);
  if (!impl_->context) throw std::runtime_error("the webhook receiver did not start");
  mg_server_port ports[4]{};
  if (mg_get_server_ports(impl_->context, 4, ports) < 1) throw std::runtime_error("the webhook receiver has no port");
  impl_->port = ports[0].port;
  mg_set_request_handler(
      impl_->context, "**", [](mg_connection* connection, void* self) { return static_cast<Impl*>(self)->handle(connection); },
      impl_.get());
}

// civetweb needs two seconds to stop; the next test need not wait for that, the end of the program does.
WebhookReceiver::~WebhookReceiver() {
  static std::vector<std::jthread> stops;
  impl_->stopping = true;
  stops.emplace_back([impl = std::shared_ptr<Impl>(std::move(impl_))] { mg_stop(impl->context); });
}

int WebhookReceiver::port() const { return impl_->port; }
std::string WebhookReceiver::url(const std::string& path) const {
  return "http://127.0.0.1:" + std::to_string(impl_->port) + path;
}

void WebhookReceiver::answer(const std::string& path, std::vector<Answer> answers) {
  const std::lock_guard lock(impl_->mutex);
  impl_->answers[path] = std::move(answers);
}

void WebhookReceiver::answer_by(std::function<Answer(const Request&, std::size_t)> decide) {
  const std::lock_guard lock(impl_->mutex);
  impl_->decide = std::move(decide);
}

void WebhookReceiver::hold() { impl_->held = true; }
void WebhookReceiver::let_go() { impl_->held = false; }

std::vector<WebhookReceiver::Request> WebhookReceiver::requests() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->requests;
}
std::vector<WebhookReceiver::Request> WebhookReceiver::requests(const std::string& path) const {
  std::vector<Request> found;
  for (auto& request : requests())
    if (request.path == path) found.push_back(std::move(request));
  return found;
}
std::size_t WebhookReceiver::distinct(const std::string& header) const {
  const std::lock_guard lock(impl_->mutex);
  std::unordered_set<std::string_view> values;
  for (const Request& request : impl_->requests)
    if (const auto found = request.headers.find(header); found != request.headers.end()) values.insert(found->second);
  return values.size();
}
int WebhookReceiver::open_requests() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->open;
}
int WebhookReceiver::most_at_once() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->most;
}
std::size_t WebhookReceiver::bytes_sent() const { return impl_->sent; }

std::set<std::string> ids(const std::vector<WebhookReceiver::Request>& requests) {
  std::set<std::string> found;
  for (const auto& request : requests) found.insert(request.headers.at("webhook-id"));
  return found;
}

}  // namespace fraiseql::test
