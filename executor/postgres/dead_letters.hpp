#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "executor/origin.hpp"
#include "executor/postgres/store.hpp"

namespace fraiseql {

class Background;
class Loop;
class Tally;

/// Writes dead letters to core.tb_observer_dlq off the loop, and repeats each until it is there.
class PostgresDeadLetters : public DeadLetters {
 public:
  /// Keeps all by reference; `background` must have ended before this is gone. `repaired`: no letter is overdue any more.
  PostgresDeadLetters(Loop& loop, Background& background, ObserverStore& store, Tally& tally, std::optional<std::int64_t> max,
                      std::function<void()> repaired);

  void write(const StoredMessage& message, const Cause& cause, std::function<void()> stored) override;
  /// The same of a change that is no event, whose message does not tell its entity.
  void write(const StoredMessage& message, const Cause& cause, const std::string& entity, std::function<void()> stored);
  bool failing() const override { return overdue_ > 0; }
  const std::string& why() const override { return why_; }
  bool empty() const { return waiting_.empty(); }

 private:
  struct Waiting {
    LetterRow letter;
    std::function<void()> stored;
    bool overdue = false;
  };
  void add(LetterRow letter, std::function<void()> stored);
  void send(std::uint64_t number);
  void kept(std::uint64_t number, ObserverStore::Kept how);
  void again(std::uint64_t number, const std::string& why);

  Loop& loop_;
  Background& background_;
  ObserverStore& store_;
  Tally& tally_;
  std::optional<std::int64_t> max_;
  std::function<void()> repaired_;
  std::map<std::uint64_t, Waiting> waiting_;
  std::uint64_t next_ = 1;
  int overdue_ = 0;
  std::string why_;
};

/// The row of a letter. Bytes that PostgreSQL takes for no text are replaced. Pure.
LetterRow letter_row(const StoredMessage& message, const Cause& cause);

}  // namespace fraiseql
