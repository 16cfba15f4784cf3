#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "executor/letter.hpp"

// What a worker needs of the place where its messages come from. All of it on the loop's thread; nothing blocks.
namespace fraiseql {

/// Answers to deliveries. `reply` is what the worker was given along with the delivery; an empty one is answered by nothing.
class Acks {
 public:
  virtual ~Acks() = default;
  virtual void done(const std::string& reply) = 0;
  virtual void terminate(const std::string& reply) = 0;  ///< done, for it can never be understood
  virtual void hand_back(const std::string& reply) = 0;  ///< another executor shall have it
  virtual void working(const std::string& reply) = 0;    ///< may be lost
};

/// Where dead letters go. Repeats each until it is stored; a repeat makes no second letter.
class DeadLetters {
 public:
  virtual ~DeadLetters() = default;
  /// `stored` is called once, later: the letter is kept, or dropped because the queue is full.
  virtual void write(const StoredMessage& message, const Cause& cause, std::function<void()> stored) = 0;
  /// Whether a letter could not be written and waits to be repeated: nothing new may begin.
  virtual bool failing() const = 0;
  virtual const std::string& why() const = 0;  ///< the last one could not be written; for a person
};

/// Where the progress of events is kept, so that whoever gets a message next repeats nothing.
class ProgressStore {
 public:
  virtual ~ProgressStore() = default;
  /// `loaded` gets what is known, an empty text when nothing is, nullopt when that cannot be told now.
  virtual void load(const std::string& event_id, std::function<void(std::optional<std::string>)> loaded) = 0;
  virtual void save(const std::string& event_id, const std::string& json, std::chrono::milliseconds limit,
                    std::function<void(bool)> saved) = 0;
  virtual void forget(const std::string& event_id) = 0;
};

}  // namespace fraiseql
