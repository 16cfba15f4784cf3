#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

namespace fraiseql {

/// Who may act next: so many at once, so many against one host, and none against a host that does not answer. Pure: the
/// time is an argument. Hosts take turns, and within a host it is first come, first served.
class Schedule {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr int failures_to_open = 5;
  static constexpr std::chrono::seconds stays_open{10};

  Schedule(int max_concurrency, int max_per_host) : max_concurrency_(max_concurrency), max_per_host_(max_per_host) {}

  void enqueue(const std::string& host, std::uint64_t id);
  void withdraw(const std::string& host, std::uint64_t id);

  struct Start {
    std::uint64_t id;
    bool circuit_open;  ///< it fails at once; no slot was taken
  };
  /// The next one to start, and takes a slot for it; nullopt when none can.
  std::optional<Start> start(Time now);

  enum class Answer { came, failed, unknown };
  /// Gives the slot back. `answer`: whether the host answered at all; unknown for a try that was broken off.
  void finished(const std::string& host, Answer answer, Time now);

  int running() const { return running_; }
  /// How many could start at once but have no slot; those that wait for a busy host are not among them.
  int startable() const;

 private:
  struct Host {
    std::deque<std::uint64_t> waiting;
    int running = 0;
    int failures = 0;  // in a row
    std::optional<Time> open_until;
    bool probing = false;
  };
  bool open(const Host& host, Time now) const { return host.open_until && (now < *host.open_until || host.probing); }

  int max_concurrency_, max_per_host_;
  int running_ = 0;
  std::map<std::string, Host> hosts_;
  std::string last_;  // the host that started last
};

/// How many messages to pull so that all payloads held stay within 16 MiB: channel_capacity counts messages, and a thousand
/// of 64 KiB would be 64 MiB. `usual`: bytes of a payload as they come now. A single one always has room when nothing is held.
int room_in_bytes(std::size_t held, std::size_t usual);

}  // namespace fraiseql
