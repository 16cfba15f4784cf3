#include "executor/http_client.hpp"

#include <curl/curl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <unordered_map>

#include "common/errors.hpp"
#include "executor/address.hpp"
#include "executor/curl_failure.hpp"
#include "executor/loop.hpp"
#include "executor/retry.hpp"

namespace fraiseql {
namespace {

constexpr std::size_t longest_answer = 64 * 1024;   // bytes of body that are read
constexpr std::size_t longest_headers = 64 * 1024;  // bytes of all header lines together
constexpr std::size_t quoted_answer = 200;          // bytes of a failed answer that are worth showing

struct Easy {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct HeaderList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

struct Transfer {
  std::uint64_t number = 0;
  std::unique_ptr<CURL, Easy> easy;
  std::unique_ptr<curl_slist, HeaderList> headers;
  HttpClient::Done done;
  const AddressPolicy* policy = nullptr;
  char error[CURL_ERROR_SIZE] = "";
  std::string refusal;       // of the last refused address
  bool connectable = false;  // at least one address was allowed
  bool cut = false;          // the answer was longer than we read
  std::size_t header_bytes = 0, body_bytes = 0;
  std::string answer_begin;
  std::optional<std::chrono::milliseconds> retry_after;
};

std::string printable(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) == 0x7f) c = ' ';
  return text;
}

// Judges the very address that is about to be connected to: whatever the URL's text was, and whatever DNS said.
curl_socket_t open_socket(void* self, curlsocktype, curl_sockaddr* address) {
  auto* transfer = static_cast<Transfer*>(self);
  const auto ip = IpAddress::of(&address->addr);
  auto refusal = ip ? transfer->policy->refusal(*ip) : std::optional<std::string>("not an IP address");
  if (refusal) {
    transfer->refusal = std::move(*refusal);
    return CURL_SOCKET_BAD;
  }
  transfer->connectable = true;
  return socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->protocol);
}

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
    if (!transfer.answer_begin.empty()) outcome.why += ": " + printable(transfer.answer_begin);
    return outcome;
  }
  if (!transfer.refusal.empty() && !transfer.connectable) {
    outcome.failure = Failure::refused_address;
    outcome.why = transfer.refusal;
    return outcome;
  }
  outcome.failure = failure_of_curl(code, transfer.error);
  outcome.why = printable(transfer.error[0] ? transfer.error : curl_easy_strerror(code));
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
  std::uint64_t next = 1;
  std::unordered_map<std::uint64_t, std::unique_ptr<Transfer>> transfers;
  std::vector<std::unique_ptr<CURL, Easy>> spare;

  static int socket_changed(CURL*, curl_socket_t fd, int what, void* self, void*) {
    auto* impl = static_cast<Impl*>(self);
    if (what == CURL_POLL_REMOVE) {
      impl->loop.unwatch(fd);
      return 0;
    }
    const std::uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
    impl->loop.watch(fd, events, [impl, fd](std::uint32_t ready) {
      const int action = (ready & EPOLLIN ? CURL_CSELECT_IN : 0) | (ready & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                         (ready & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
      impl->act(fd, action);
    });
    return 0;
  }

  static int timer_changed(CURLM*, long timeout_ms, void* self) {
    auto* impl = static_cast<Impl*>(self);
    impl->loop.cancel(impl->timer);
    if (timeout_ms >= 0)
      impl->timer = impl->loop.after(std::chrono::milliseconds(timeout_ms), [impl] { impl->act(CURL_SOCKET_TIMEOUT, 0); });
    return 0;
  }

  void act(curl_socket_t fd, int action) {
    int running = 0;
    curl_multi_socket_action(multi, fd, action, &running);
    int left = 0;
    std::vector<std::pair<std::unique_ptr<Transfer>, Outcome>> ended;
    while (CURLMsg* message = curl_multi_info_read(multi, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      char* name = nullptr;
      const CURLcode code = message->data.result;
      CURL* easy = message->easy_handle;
      curl_easy_getinfo(easy, CURLINFO_PRIVATE, &name);
      auto* raw = reinterpret_cast<Transfer*>(name);
      auto transfer = std::move(transfers.extract(raw->number).mapped());
      Outcome outcome = outcome_of(code, *transfer);
      release(*transfer);
      ended.emplace_back(std::move(transfer), std::move(outcome));
    }
    // Told last: what they call may start other transfers.
    for (auto& [transfer, outcome] : ended) transfer->done(std::move(outcome));
  }

  void release(Transfer& transfer) {
    curl_multi_remove_handle(multi, transfer.easy.get());
    curl_easy_reset(transfer.easy.get());
    if (spare.size() < 64)
      spare.push_back(std::move(transfer.easy));
    else
      transfer.easy.reset();
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
  curl_multi_setopt(impl_->multi, CURLMOPT_MAXCONNECTS, static_cast<long>(std::max(connections, 1)));
}

HttpClient::~HttpClient() {
  for (auto& [number, transfer] : impl_->transfers) curl_multi_remove_handle(impl_->multi, transfer->easy.get());
  impl_->transfers.clear();
  curl_multi_cleanup(impl_->multi);
  impl_->loop.cancel(impl_->timer);
}

std::uint64_t HttpClient::start(const HttpRequest& request, Done done) {
  auto transfer = std::make_unique<Transfer>();
  transfer->number = impl_->next++;
  transfer->policy = &impl_->policy;
  transfer->done = std::move(done);
  if (impl_->spare.empty()) {
    transfer->easy.reset(curl_easy_init());
  } else {
    transfer->easy = std::move(impl_->spare.back());
    impl_->spare.pop_back();
  }
  CURL* easy = transfer->easy.get();
  if (!easy) throw std::runtime_error("libcurl: out of memory");
  curl_slist* list = nullptr;
  for (const auto& header : request.headers) list = curl_slist_append(list, header.c_str());
  list = curl_slist_append(list, "Expect:");  // or a large body waits a second for a 100 that never comes
  transfer->headers.reset(list);

  curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
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
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "fraiseql-observers/" FRAISEQL_VERSION);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer.get());
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer.get());
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer.get());
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, list);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(std::min<long>(request.timeout.count(), 10'000)));
  curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.data());
  curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());

  const std::uint64_t number = transfer->number;
  impl_->transfers.emplace(number, std::move(transfer));
  curl_multi_add_handle(impl_->multi, easy);
  return number;
}

void HttpClient::cancel(std::uint64_t request) {
  const auto found = impl_->transfers.find(request);
  if (found == impl_->transfers.end()) return;
  impl_->release(*found->second);
  impl_->transfers.erase(found);
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
