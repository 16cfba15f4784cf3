#pragma once

#include <atomic>
#include <iosfwd>
#include <mutex>
#include <random>
#include <set>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <unordered_set>

#include "tests/support/executor_fixture.hpp"

namespace fraiseql::test {

/// Several executors on one consumer, clients that change the same entities, and endpoints that fail at random; and the
/// judgement of the receiver's log. Each process posts to a path of its own, so that the log tells who did what. All choices
/// come from one seed.
class ExecutorCrowd : public ExecutorFixture {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr int at_once = 8;  ///< max_concurrency of each

  explicit ExecutorCrowd(unsigned seed);
  ~ExecutorCrowd();

  struct Process {
    std::size_t number;
    Child child;
    std::string path() const { return "/p" + std::to_string(number) + "/"; }
  };
  Process start_one();
  /// SIGKILL; the judgement knows of it.
  void kill(Process& process);
  /// The server dies now, and with it the newest acknowledgements and what is on its way to executors.
  void server_dies();
  bool acts(const Process& process) const;  ///< it has sent a request

  /// A client publishes in the background until there are `allowed` events; `allow` raises that.
  void allow(std::size_t events) { allowed_ = events; }
  std::size_t published() const { return published_; }
  std::size_t succeeded_so_far() const;  ///< events
  /// Everything allowed is published, and has succeeded or has a dead letter.
  bool all_over();

  std::mt19937 dice;

  struct Judgement {
    std::size_t events = 0, requests = 0;
    std::size_t lost = 0;             ///< events without success and without a dead letter
    std::size_t strange = 0;          ///< requests of an event that was never made, or with another's body
    std::size_t repeated = 0;         ///< actions that ran again after a success, whatever tries that took
    std::size_t unexplained = 0;      ///< of these: by a process that was not killed, or not among the last that it did
    std::size_t given_again = 0;      ///< of these: what the server gave again after an ack, as if for the first time
    std::size_t most_per_kill = 0;    ///< repeats that one kill has caused
    std::size_t overlapping = 0;      ///< requests of an entity that began before the same process had ended the one before
    std::size_t interleaved = 0;      ///< requests of a change after the same process had gone on to another one of the entity
    std::size_t inverted = 0;         ///< an earlier change after a later one in a process, and no kill that explains it
    std::size_t again_first = 0;      ///< a first action after the second one of the same event
    std::size_t letters = 0;          ///< dead letters
    std::size_t letters_twice = 0;    ///< of these: with an id that another one has
    std::size_t hopeless = 0;         ///< events that can never succeed
    std::size_t without_letter = 0;   ///< of these
    std::size_t condemned = 0;        ///< letters of messages that used up their deliveries
    std::string story;                ///< every request of the events that broke a rule
    std::size_t unplanned = 0;        ///< letters of any other reason of events that could succeed
  };
  Judgement judge();

 private:
  struct Made {
    std::string entity;
    int number = 0;  ///< of all events, in the order of the stream
    bool two_actions = false, hopeless = false;
    Time at;
  };
  void ack_seen(std::string_view subject);
  void publish_all(const std::stop_token& stop);
  WebhookReceiver::Answer answer(const WebhookReceiver::Request& request, std::size_t earlier);
  WebhookReceiver::Answer drawn(const std::string& what, std::size_t earlier) const;

  unsigned seed_;
  std::atomic<std::size_t> allowed_{0}, published_{0};
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Made> made_;  // by id
  std::unordered_map<std::size_t, Time> killed_;  // by number
  struct Death {
    Time at;
    Time written;  ///< when the server last wrote what is acknowledged
  };
  Time state_written() const;
  std::vector<Death> server_died_;
  std::unordered_map<int, std::set<std::uint64_t>> first_deliveries_;  // by number: consumer sequences that were acknowledged
  std::unordered_set<std::size_t> acting_;
  std::unordered_set<std::string> done_;
  std::size_t started_ = 0;
  nats::Link link_;
  nats::Subscription acks_;
  std::jthread client_;
};
std::ostream& operator<<(std::ostream& out, const ExecutorCrowd::Judgement& judgement);

}  // namespace fraiseql::test
