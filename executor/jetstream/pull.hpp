#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "executor/loop.hpp"
#include "executor/mailbox.hpp"

namespace fraiseql {

/// A pull loop on one durable consumer: at most one pull request is open, each with a reply subject of its own. All on the
/// loop's thread; never blocks.
class Pull {
 public:
  struct Calls {
    std::function<void(const nats::Message&)> message;
    std::function<void()> wanted;                  ///< no pull is open: call `ask` if there is room
    std::function<void(const std::string&)> gone;  ///< the consumer is deleted, missing, or silent: look after it
  };

  /// Keeps `loop` and `connection`.
  Pull(Loop& loop, natsConnection* connection, const std::string& stream, const std::string& consumer, Calls calls);
  ~Pull();

  bool open() const { return open_; }
  /// Sends a pull for up to `batch` messages, unless one is open.
  void ask(int batch);
  /// The connection was lost, and the open pull with it.
  void lost();
  /// Ends the open pull; `ended` is called when nothing of it can arrive any more. The object can then ask again.
  void end(std::function<void()> ended);

 private:
  void subscribe();
  void arrived(const nats::Message& message);
  void status(int status, const std::string& text);
  void close_after(std::chrono::milliseconds pause);
  void watch_silence();

  Loop& loop_;
  natsConnection* connection_;
  std::string subject_;
  Calls calls_;
  std::string inbox_;
  std::uint64_t number_ = 0;
  bool open_ = false;
  int left_ = 0;  // messages that the open pull may still bring
  Loop::Timer silence_, pause_;
  std::unique_ptr<Mailbox> mailbox_;
  std::vector<std::function<void()>> ended_;  // who waits for the end of the open pull
};

}  // namespace fraiseql
