#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <unordered_map>

#include "common/config.hpp"
#include "executor/actions/action.hpp"
#include "executor/entity_order.hpp"
#include "executor/held.hpp"
#include "executor/observers.hpp"
#include "executor/schedule.hpp"
#include "executor/settled.hpp"

namespace fraiseql {

class Acks;
class DeadLetters;
class ProgressStore;
class Tally;

/// Takes messages, acts on them, settles them. All on the loop's thread; never blocks.
class Worker {
 public:
  struct Tools {  ///< kept; all must outlive the worker
    const ActionTools act;
    DeadLetters& letters;
    Acks& acks;
    ProgressStore& progress;
    Tally& tally;
    const ExecutorConfig& config;
  };
  struct Calls {
    std::function<void()> changed;  ///< something is over: there may be room, or nothing held any more
  };
  /// How the last try of a message ended.
  enum class Alone { settled, handed_back };

  Worker(const Tools& tools, std::shared_ptr<const Observers> observers, Calls calls);
  ~Worker();

  /// A message as delivered, and what to answer to. Another delivery of one that is held only renews that.
  void take(StoredMessage message, std::string reply, std::uint64_t deliveries);
  /// A message that has used up its deliveries; `over` is called once.
  void take_alone(StoredMessage message, std::function<void(Alone)> over);
  /// Writes the dead letter of a message that must not be tried any more.
  void condemn(const StoredMessage& message, std::uint64_t deliveries, const std::string& why, std::function<void()> stored);

  /// Whether this process has settled that message lately.
  bool has_settled(std::uint64_t stream_seq, const std::string& event) const { return settled_.has(stream_seq, event); }
  /// From now on these are asked; what is held goes on with those it began with.
  void observe(std::shared_ptr<const Observers> observers) { observers_ = std::move(observers); }
  int room() const;   ///< how many messages to pull now
  int share() const;  ///< the room from which on it is worth a pull: one for a few costs no more than one for one
  bool empty() const { return held_.empty(); }
  std::size_t held() const { return held_.size(); }
  int running() const { return schedule_.running(); }

  void still_working();      ///< tells the server that everything held is in work
  void resume();             ///< dead letters can be written again
  void drop_acks();          ///< the consumer that delivered is gone: its ack subjects would settle other messages
  void abandon_waiting();    ///< this process was frozen: what it has not begun to do, another one does by now
  void stop(SteadyTime by);  ///< finishes what can end by then, hands back what cannot
  void hand_back_all();      ///< breaks off what runs

 private:
  Held* find(std::uint64_t id);
  void add(StoredMessage message, std::string reply, std::uint64_t deliveries, bool alone);
  void begin_later(std::uint64_t id);
  void drain();
  void begin(Held& held);
  void bury(Held& held);
  void load_progress(std::uint64_t id);
  void advance(std::uint64_t id);
  void enqueue(Held& held, Run run);
  void start_waiting();
  void start(Held& held, bool circuit_open);
  void tried(std::uint64_t id, Outcome outcome);
  void failed(Held& held, const Outcome& outcome);
  void action_over(std::uint64_t id);
  void save_progress(std::uint64_t id);
  void settle(Held& held, bool terminate);
  void hand_back(Held& held);
  void give_back(std::uint64_t id);
  void remove(std::uint64_t id);

  Tools tools_;
  std::shared_ptr<const Observers> observers_;
  Calls calls_;
  Schedule schedule_;
  EntityOrder order_;
  std::uint64_t next_ = 1;
  std::unordered_map<std::uint64_t, std::unique_ptr<Held>> held_;
  std::unordered_map<std::string, std::uint64_t> by_event_;
  std::deque<std::uint64_t> to_begin_;
  bool draining_ = false, starting_ = false;
  std::optional<SteadyTime> stop_by_;
  std::function<void(Alone)> alone_over_;
  Settled settled_;
  std::size_t held_bytes_ = 0;   // of payloads
  std::size_t usual_bytes_ = 0;  // of the payloads that come, the largest counting longest
  std::minstd_rand dice_{std::random_device{}()};
};

}  // namespace fraiseql
