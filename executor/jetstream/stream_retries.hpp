#pragma once

#include "common/nats/dead_letters.hpp"
#include "executor/jetstream/broker.hpp"
#include "executor/requests.hpp"
#include "executor/retry_source.hpp"

namespace fraiseql {

struct ExecutorConfig;

/// The letters of the dead letter stream.
class StreamRetries : public RetrySource {
 public:
  /// Keeps both by reference.
  StreamRetries(Loop& loop, const ExecutorConfig& config);

  Result<RetryLetter> take(std::uint64_t number, bool dry_run) override;
  void remove(std::uint64_t number) override;
  void put_back(std::uint64_t) override {}
  Requests* requests() override { return &requests_; }
  std::optional<std::string> progress(const std::string& event_id) override;
  void save_progress(const std::string& event_id, const std::string& json) override;
  void forget_progress(const std::string& event_id) override;

 private:
  Result<StoredMessage> from_stream(const nats::StoredLetter& letter);

  nats::Link link_;
  Requests requests_;
  Broker broker_;
  nats::DeadLetterStream letters_;
};

/// The message that a letter was written for: its bytes, its own headers, the id it had. An Error when the letter does not
/// hold it. Pure.
Result<StoredMessage> original_of(const nats::StoredLetter& letter);

}  // namespace fraiseql
