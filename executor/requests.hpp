#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "executor/delivery.hpp"
#include "executor/loop.hpp"
#include "executor/mailbox.hpp"

namespace fraiseql {

/// Requests to NATS that are answered later, on the loop's thread. Never blocks.
class Requests {
 public:
  struct Reply {
    enum class Kind { answer, no_responders, timed_out } kind;
    std::string data;  ///< of an answer
  };
  using Answered = std::function<void(const Reply&)>;

  Requests(Loop& loop, natsConnection* connection);

  /// `answered` is called once, also when nothing comes within `limit`. Subjects must hold no blank or line break.
  void send(const std::string& subject, const Headers& headers, std::string_view payload, std::chrono::milliseconds limit,
            Answered answered);
  std::int64_t max_payload() const;  ///< bytes of headers and payload together that the server takes

 private:
  void arrived(const nats::Message& message);
  void finish(std::uint64_t number, const Reply& reply);

  struct Waiting {
    Answered answered;
    Loop::Timer deadline;
  };
  Loop& loop_;
  natsConnection* connection_;
  std::string inbox_;
  std::uint64_t next_ = 1;
  std::unordered_map<std::uint64_t, Waiting> waiting_;
  Mailbox mailbox_;
};

}  // namespace fraiseql
