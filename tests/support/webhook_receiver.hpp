#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace fraiseql::test {

/// A real HTTP server on a free port of 127.0.0.1 that writes down every request it got and answers as it was told. Keeps
/// connections alive. Threads of its own; every method may be called from any thread.
class WebhookReceiver {
 public:
  struct Request {
    std::string method, path, body;
    std::string query;                           ///< behind the ?; this and the path as they came, percent-encoded
    std::map<std::string, std::string> headers;  ///< names in lower case
    std::chrono::steady_clock::time_point at;
    /// When its answer began, and the status of one that was whole; 0: none yet, or the connection was reset.
    std::chrono::steady_clock::time_point answered_at{};
    int answered = 0;
  };
  struct Answer {
    int status = 200;
    std::string body = "ok";
    std::map<std::string, std::string> headers = {};
    std::chrono::milliseconds delay{0};  ///< before it
    enum class How {
      whole,
      reset,         ///< the connection is reset before any answer
      reset_inside,  ///< it is reset in the middle of the body
      drip,          ///< one byte of the body every 100 ms, without end
      endless,       ///< as much body as the client takes, up to 1 GiB
    } how = How::whole;
  };

  WebhookReceiver();
  ~WebhookReceiver();
  WebhookReceiver(const WebhookReceiver&) = delete;
  WebhookReceiver& operator=(const WebhookReceiver&) = delete;

  int port() const;
  std::string url(const std::string& path) const;  ///< http://127.0.0.1:<port><path>

  /// The next answers of a path, one for each request; the last one stays. Without any: 200.
  void answer(const std::string& path, std::vector<Answer> answers);

  /// Asked for each answer instead, from many threads; `earlier`: requests with the same path and webhook-id before this one.
  void answer_by(std::function<Answer(const Request&, std::size_t earlier)> decide);

  /// From `hold` to `let_go` requests are written down as they come and no answer begins.
  void hold();
  void let_go();

  std::vector<Request> requests() const;                         ///< in order of arrival
  std::vector<Request> requests(const std::string& path) const;  ///< the same of one path
  std::size_t distinct(const std::string& header) const;         ///< different values of a header, over all requests
  int open_requests() const;                                     ///< received and not answered yet
  int most_at_once() const;                                      ///< the most that were open at the same time
  std::size_t bytes_sent() const;                                ///< of endless answers

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The webhook-ids of these requests.
std::set<std::string> ids(const std::vector<WebhookReceiver::Request>& requests);

}  // namespace fraiseql::test
