#include "executor/http_client.hpp"

#include <curl/curl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include "common/errors.hpp"
#include "common/text.hpp"
#include "executor/address.hpp"
#include "executor/curl_failure.hpp"
#include "executor/loop.hpp"
#include "executor/retry.hpp"

namespace fraiseql {
namespace {

constexpr std::size_t longest_answer = 64 * 1024;   // bytes of body that are read
constexpr std::size_t longest_headers = 64 * 1024;  // bytes of all header lines together
constexpr long read_at_once = 1024;                 // bytes; libcurl takes and frees such a buffer for every request
constexpr std::size_t quoted_answer = 200;          // bytes of a failed answer that are worth showing

struct Easy {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};

// A request on its way. When it is over it waits for the next one, its handle set up: to set up a handle costs libcurl and
// malloc more than all the rest of a small request.
struct Transfer {
  std::uint64_t number = 0;
  std::unique_ptr<CURL, Easy> easy;
  HttpRequest request;
  std::vector<curl_slist> headers;  // libcurl reads them; the texts are the request's
  HttpClient::Done done;
  void* client = nullptr;
  std::string url_set, method_set;  // what the handle was told last
  char error[CURL_ERROR_SIZE] = "";
  std::string refusal;       // of the last refused address
  bool connectable = false;  // at least one address was allowed
  bool sent = false, again = false;  // the request was sent, and libcurl would have sent it a second time
  bool cut = false;          // the answer was longer than we read
  std::size_t header_bytes = 0, body_bytes = 0;
  std::string answer_begin;
  std::optional<std::chrono::milliseconds> retry_after;

  void clear() {
    request = {};
    done = nullptr;
    error[0] = '\0';
    refusal.clear();
    connectable = cut = sent = again = false;
    header_bytes = body_bytes = 0;
    answer_begin.clear();
    retry_after.reset();
  }
};

std::size_t take_body(char* data, std::size_t, std::size_t size, void* self) {
  auto* transfer = static_cast<Transfer*>(self);
  if (transfer->answer_begin.size() < quoted_answer)
    transfer->answer_begin.append(data, std::min(size, quoted_answer - transfer->answer_begin.size()));
  transfer->body_bytes += size;
  if (transfer->body_bytes <= longest_answer) return size;
  transfer->cut = true;
  return 0;  // ends the transfer
}

std::size_t take_header(char* data, std::size_t, std::size_t size, void* self) {
  auto* transfer = static_cast<Transfer*>(self);
  transfer->header_bytes += size;
  if (transfer->header_bytes > longest_headers) return 0;
  const std::string_view line(data, size);
  constexpr std::string_view name = "retry-after:";
  if (line.size() > name.size() &&
      std::equal(name.begin(), name.end(), line.begin(), [](char a, char b) { return a == (b | 0x20); }))
    transfer->retry_after = parse_retry_after(line.substr(name.size()), std::chrono::system_clock::now());
  return size;
}

Outcome outcome_of(CURLcode code, const Transfer& transfer) {
  Outcome outcome;
  if (code == CURLE_OK || (transfer.cut && code == CURLE_WRITE_ERROR)) {
    long status = 0;
    curl_easy_getinfo(transfer.easy.get(), CURLINFO_RESPONSE_CODE, &status);
    outcome.http_status = static_cast<int>(status);
    outcome.failure = failure_of_status(outcome.http_status);
    if (outcome.succeeded()) return outcome;
    outcome.retry_after = transfer.retry_after;
    outcome.why = "HTTP " + std::to_string(status);
    if (outcome.failure == Failure::http_3xx) outcome.why += ": redirects are not followed";
    if (outcome.failure == Failure::http_410) outcome.why += ": gone";
    if (!transfer.answer_begin.empty()) outcome.why += ": " + one_line(transfer.answer_begin);
    return outcome;
  }
  if (transfer.again) {
    outcome.failure = Failure::network;
    outcome.why = "the connection was closed before an answer came";
    return outcome;
  }
  if (!transfer.refusal.empty() && !transfer.connectable) {
    outcome.failure = Failure::refused_address;
    outcome.why = transfer.refusal;
    return outcome;
  }
  outcome.failure = failure_of_curl(code, transfer.error);
  outcome.why = one_line(transfer.error[0] ? transfer.error : curl_easy_strerror(code));
  // A name that has other addresses too, to which we do not connect.
  if (!transfer.refusal.empty()) outcome.why += "; " + transfer.refusal;
  return outcome;
}

}  // namespace

struct HttpClient::Impl {
  Impl(Loop& loop_, const AddressPolicy& policy_) : loop(loop_), policy(policy_), multi(curl_multi_init()) {}

  Loop& loop;
  const AddressPolicy& policy;
  CURLM* multi;
  Loop::Timer timer;
  Loop::Clock::time_point due = Loop::Clock::time_point::max();  // what libcurl wants; the timer may be set earlier
  std::uint64_t next = 1;
  std::size_t spares = 1;  // how many to keep
  std::unordered_map<std::uint64_t, std::unique_ptr<Transfer>> transfers;
  std::vector<std::unique_ptr<Transfer>> spare;
  std::deque<std::pair<std::unique_ptr<Transfer>, Outcome>> ended;  // not told yet
  struct Watched {
    std::uint32_t events;
    bool wanted;
  };
  std::unordered_map<curl_socket_t, Watched> sockets;  // that the loop watches

  // libcurl takes a kept connection off at the end of each request and puts it on again at the next. To epoll that is said
  // only when something does happen on it in between.
  static int socket_changed(CURL*, curl_socket_t fd, int what, void* self, void*) {
    auto* impl = static_cast<Impl*>(self);
    const auto known = impl->sockets.find(fd);
    if (what == CURL_POLL_REMOVE) {
      if (known != impl->sockets.end()) known->second.wanted = false;
      return 0;
    }
    const std::uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
    if (known != impl->sockets.end() && known->second.events == events) {
      known->second.wanted = true;
      return 0;
    }
    impl->sockets[fd] = {events, true};
    impl->loop.watch(fd, events, [impl, fd](std::uint32_t ready) {
      const auto found = impl->sockets.find(fd);
      if (found == impl->sockets.end()) return;
      if (!found->second.wanted) return impl->forget(fd);
      const int action = (ready & EPOLLIN ? CURL_CSELECT_IN : 0) | (ready & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                         (ready & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
      impl->act(fd, action);
    });
    return 0;
  }

  void forget(curl_socket_t fd) {
    if (sockets.erase(fd) > 0) loop.unwatch(fd);
  }

  // Judges the very address that is about to be connected to: whatever the URL's text was, and whatever DNS said.
  static curl_socket_t open_socket(void* self, curlsocktype, curl_sockaddr* address) {
    auto* transfer = static_cast<Transfer*>(self);
    auto* impl = static_cast<Impl*>(transfer->client);
    const auto ip = IpAddress::of(&address->addr);
    auto refusal = ip ? impl->policy.refusal(*ip) : std::optional<std::string>("not an IP address");
    if (refusal) {
      transfer->refusal = std::move(*refusal);
      return CURL_SOCKET_BAD;
    }
    transfer->connectable = true;
    const int fd = socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->protocol);
    impl->forget(fd);  // a new one, whatever we knew under its number
    return fd;
  }

  // When a kept connection is closed without an answer, libcurl sends any request once more on a new one. What acts on
  // others is sent as often as we count.
  static int before_request(void* self, char*, char*, int, int) {
    auto* transfer = static_cast<Transfer*>(self);
    transfer->again = std::exchange(transfer->sent, true);
    return transfer->again ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
  }

  // Before its number can come back for another connection.
  static int close_socket(void* self, curl_socket_t fd) {
    static_cast<Impl*>(self)->forget(fd);
    return close(fd);
  }

  // Each request moves libcurl's next time-out a little; the loop hears of it only when it comes nearer.
  static int timer_changed(CURLM*, long timeout_ms, void* self) {
    auto* impl = static_cast<Impl*>(self);
    impl->due = timeout_ms < 0 ? Loop::Clock::time_point::max() : Loop::Clock::now() + std::chrono::milliseconds(timeout_ms);
    if (timeout_ms >= 0) impl->set_timer();
    return 0;
  }

  void set_timer() {
    if (timer.second != 0 && timer.first <= due) return;
    loop.cancel(timer);
    timer = loop.at(due, [this] {
      timer = {};
      if (due == Loop::Clock::time_point::max()) return;
      if (Loop::Clock::now() < due) return set_timer();
      act(CURL_SOCKET_TIMEOUT, 0);
    });
  }

  void act(curl_socket_t fd, int action) {
    int running = 0;
    curl_multi_socket_action(multi, fd, action, &running);
    int left = 0;
    while (CURLMsg* message = curl_multi_info_read(multi, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      char* name = nullptr;
      const CURLcode code = message->data.result;
      CURL* easy = message->easy_handle;
      curl_easy_getinfo(easy, CURLINFO_PRIVATE, &name);
      auto* raw = reinterpret_cast<Transfer*>(name);
      auto transfer = std::move(transfers.extract(raw->number).mapped());
      Outcome outcome = outcome_of(code, *transfer);
      curl_multi_remove_handle(multi, easy);
      ended.emplace_back(std::move(transfer), std::move(outcome));
    }
    // Told last: what they call may start other transfers, and cancel those that have ended along with them.
    while (!ended.empty()) {
      auto [transfer, outcome] = std::move(ended.front());
      ended.pop_front();
      const HttpClient::Done done = std::move(transfer->done);
      keep(std::move(transfer));
      done(std::move(outcome));
    }
  }

  void keep(std::unique_ptr<Transfer> transfer) {
    transfer->clear();
    if (spare.size() < spares) spare.push_back(std::move(transfer));
  }

  std::unique_ptr<Transfer> make() {
    auto transfer = std::make_unique<Transfer>();
    transfer->client = this;
    transfer->easy.reset(curl_easy_init());
    CURL* easy = transfer->easy.get();
    if (!easy) throw std::runtime_error("libcurl: out of memory");
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer.get());
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS);
#endif
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, read_at_once);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "fraiseql-observers/" FRAISEQL_VERSION);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer.get());
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, before_request);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer.get());
    // The connection keeps these two, and outlives the transfer.
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, this);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer.get());
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer.get());
    return transfer;
  }
};

HttpClient::HttpClient(Loop& loop, const AddressPolicy& policy, int connections) {
  static const CURLcode global = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (global != CURLE_OK) throw std::runtime_error("libcurl does not start");
  impl_ = std::make_unique<Impl>(loop, policy);
  curl_multi_setopt(impl_->multi, CURLMOPT_SOCKETFUNCTION, Impl::socket_changed);
  curl_multi_setopt(impl_->multi, CURLMOPT_SOCKETDATA, impl_.get());
  curl_multi_setopt(impl_->multi, CURLMOPT_TIMERFUNCTION, Impl::timer_changed);
  curl_multi_setopt(impl_->multi, CURLMOPT_TIMERDATA, impl_.get());
  impl_->spares = static_cast<std::size_t>(std::max(connections, 1));
  curl_multi_setopt(impl_->multi, CURLMOPT_MAXCONNECTS, static_cast<long>(std::max(connections, 1)));
}

HttpClient::~HttpClient() {
  for (auto& [number, transfer] : impl_->transfers) curl_multi_remove_handle(impl_->multi, transfer->easy.get());
  impl_->transfers.clear();
  impl_->spare.clear();
  curl_multi_cleanup(impl_->multi);
  impl_->loop.cancel(impl_->timer);
}

std::uint64_t HttpClient::start(HttpRequest request, Done done) {
  std::unique_ptr<Transfer> transfer;
  if (!impl_->spare.empty()) {
    transfer = std::move(impl_->spare.back());
    impl_->spare.pop_back();
    // Credentials of one URL must not stay in a handle for another.
    if (transfer->url_set != request.url && transfer->url_set.find('@') != std::string::npos) transfer.reset();
  }
  if (!transfer) transfer = impl_->make();
  transfer->number = impl_->next++;
  transfer->request = std::move(request);
  transfer->done = std::move(done);
  HttpRequest& asked = transfer->request;
  asked.headers.emplace_back("Expect:");  // or a large body waits a second for a 100 that never comes
  auto& list = transfer->headers;
  list.resize(asked.headers.size());
  for (std::size_t i = 0; i < list.size(); ++i) list[i] = {asked.headers[i].data(), i + 1 < list.size() ? &list[i + 1] : nullptr};

  CURL* easy = transfer->easy.get();
  if (transfer->url_set != asked.url) {
    curl_easy_setopt(easy, CURLOPT_URL, asked.url.c_str());
    transfer->url_set = asked.url;
  }
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, list.data());
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(asked.timeout.count()));
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(std::min<long>(asked.timeout.count(), 10'000)));
  curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(asked.body.size()));
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, asked.body.data());
  if (transfer->method_set != asked.method) {
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, asked.method.c_str());
    transfer->method_set = asked.method;
  }

  const std::uint64_t number = transfer->number;
  impl_->transfers.emplace(number, std::move(transfer));
  curl_multi_add_handle(impl_->multi, easy);
  return number;
}

void HttpClient::cancel(std::uint64_t request) {
  const auto found = impl_->transfers.find(request);
  if (found == impl_->transfers.end()) {
    std::erase_if(impl_->ended, [&](const auto& one) { return one.first->number == request; });
    return;
  }
  auto transfer = std::move(found->second);
  impl_->transfers.erase(found);
  curl_multi_remove_handle(impl_->multi, transfer->easy.get());
  impl_->keep(std::move(transfer));
}

std::string host_of(const std::string& url) {
  struct Handle {
    void operator()(CURLU* handle) const { curl_url_cleanup(handle); }
  };
  const std::unique_ptr<CURLU, Handle> parsed(curl_url());
  const auto part = [&](CURLUPart which, unsigned flags) {
    char* text = nullptr;
    if (curl_url_get(parsed.get(), which, &text, flags) != CURLUE_OK) return std::string();
    std::string copy = text;
    curl_free(text);
    return copy;
  };
  if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
    throw ConfigError("a webhook's URL is malformed");
  const std::string scheme = part(CURLUPART_SCHEME, 0);
  if (scheme != "http" && scheme != "https")
    throw ConfigError("a webhook's URL must begin with http:// or https://, not " + scheme + "://");
  std::string host = part(CURLUPART_HOST, 0);
  if (host.empty()) throw ConfigError("a webhook's URL names no host");
  std::transform(host.begin(), host.end(), host.begin(),
                 [](unsigned char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c | 0x20 : c); });
  return host + ":" + part(CURLUPART_PORT, CURLU_DEFAULT_PORT);
}

}  // namespace fraiseql
