#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include "common/config.hpp"
#include "common/nats/dead_letters.hpp"
#include "common/program.hpp"
#include "common/stop.hpp"

// What `--retry` of the executor and of the bridge have in common: `fraiseql dlq retry` starts one or both.
namespace fraiseql {

/// The options of a retry, as read from the command line.
struct RetryRequest {
  std::vector<std::string> letters;  ///< numbers, or a single "-": one a line on standard input
  bool dry_run = false;
  double rate = 0;  ///< letters per second; 0: as fast as they go
  std::string format = "text";

  bool wanted() const { return !letters.empty(); }
};

/// Adds them to a program; `request` must outlive the parsing.
MoreOptions retry_options(RetryRequest& request);

/// Says what became of each letter, a line each on `out`, and how many in the end. `json`: an object a line with the members
/// number, result (done, failed, would_run), what, and no summary.
class RetryReport {
 public:
  RetryReport(std::ostream& out, const RetryRequest& request) : out_(out), json_(request.format == "json"), dry_run_(request.dry_run) {}
  void done(std::uint64_t number, const std::string& what);
  void failed(std::uint64_t number, const std::string& why);
  void would_run(std::uint64_t number, const std::string& what);
  int end(bool stopped);  ///< 0, or 1 when any has failed or the rest was not begun

 private:
  void line(std::uint64_t number, const char* result, const std::string& what);
  std::ostream& out_;
  bool json_, dry_run_;
  std::uint64_t done_ = 0, failed_ = 0, would_run_ = 0;
};

/// How one letter's retry went.
struct Retried {
  enum class How { done, failed, would_run } how;
  std::string what;  ///< on one line: what was done, or why not
};

/// Takes the numbers one after the other, oldest first, so that the changes of an entity keep their order: `retry` acts on
/// the letter of that number, removes it when that has succeeded, and says how it went. Stops after the one in hand when asked
/// to. Returns the exit code: 0, 1 when one has failed. Throws what `retry` throws, and std::invalid_argument for a number that
/// is none.
int retry_letters(const RetryRequest& request, StopSignal& stop, std::istream& in, std::ostream& out,
                  const std::function<Retried(std::uint64_t number)>& retry);

/// The same for letters of a stream: `retry` acts on a letter, and one that is done is removed. Not one is touched in a dry
/// run. Throws Unavailable.
int retry_letters(const nats::DeadLetterStream& letters, const RetryRequest& request, StopSignal& stop, std::istream& in,
                  std::ostream& out, const std::function<Retried(const nats::StoredLetter&)>& retry);

/// What became of a number that no letter has.
Retried no_such_letter();

/// Calls `remove` until it does not throw Unavailable, a few times, a second apart: what was done must not be done again for a
/// connection that was away for a moment. Throws Unavailable after the last.
void remove_surely(std::uint64_t number, const std::function<void()>& remove);

}  // namespace fraiseql
