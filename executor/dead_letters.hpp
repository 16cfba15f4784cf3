#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "executor/letter.hpp"
#include "executor/requests.hpp"

namespace fraiseql {

class Tally;

/// Writes dead letters, and repeats each until the stream has it; the ids make a repeat harmless. On the loop's thread.
class DeadLetters {
 public:
  struct Calls {
    std::function<void()> missing;   ///< there is no dead letter stream: make it
    std::function<void()> repaired;  ///< no letter is overdue any more
  };
  DeadLetters(Loop& loop, Requests& requests, Tally& tally, Calls calls);

  /// `stored` is called when the letter is in the stream, or dropped because the stream is at its cap.
  void write(Letter letter, std::function<void()> stored);

  /// Whether a letter could not be written and waits to be repeated.
  bool failing() const { return overdue_ > 0; }
  const std::string& why() const { return why_; }

 private:
  struct Waiting {
    Letter letter;
    std::function<void()> stored;
    bool overdue = false;
  };
  void send(std::uint64_t number);
  void answered(std::uint64_t number, const Requests::Reply& reply);
  void again(std::uint64_t number, const std::string& why);

  Loop& loop_;
  Requests& requests_;
  Tally& tally_;
  Calls calls_;
  std::map<std::uint64_t, Waiting> waiting_;
  std::uint64_t next_ = 1;
  int overdue_ = 0;
  std::string why_;
};

}  // namespace fraiseql
