#pragma once

#include <memory>

#include "common/letter_table.hpp"
#include "executor/actions_nats.hpp"
#include "executor/retry_source.hpp"

namespace fraiseql {

struct ExecutorConfig;

/// The letters of core.tb_observer_dlq. Of several retries one has a letter, by a lock of its session: a process that ends,
/// however it ends, leaves the letter to the next.
class TableRetries : public RetrySource {
 public:
  /// Keeps all by reference.
  TableRetries(Loop& loop, const ExecutorConfig& config, const Observers& observers);
  ~TableRetries() override;

  Result<RetryLetter> take(std::uint64_t number, bool dry_run) override;
  void remove(std::uint64_t number) override;
  void put_back(std::uint64_t number) override;
  Requests* requests() override;
  // Only letters of events as a whole ask for progress, and such an event is not retried here.
  std::optional<std::string> progress(const std::string&) override { return std::nullopt; }
  void save_progress(const std::string&, const std::string&) override {}
  void forget_progress(const std::string&) override {}

 private:
  Loop& loop_;
  const ExecutorConfig& config_;
  const Observers& observers_;
  LetterTable letters_;
  std::unique_ptr<ActionsNats> nats_;
};

/// The message that a letter was written for. An Error when the letter does not hold it. Pure.
Result<StoredMessage> original_of(const TableLetter& letter);

}  // namespace fraiseql
