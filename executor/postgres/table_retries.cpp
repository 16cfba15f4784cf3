#include "executor/postgres/table_retries.hpp"

#include <charconv>

#include "common/errors.hpp"
#include "common/letter_retry.hpp"
#include "common/text.hpp"
#include "executor/event_view.hpp"

namespace fraiseql {
namespace {

// What this transport writes is less than what its neighbour does.
std::optional<std::string> refusal(const std::string& reason) {
  if (reason == "unpublishable")
    return "unpublishable: the row can be no event as it is; write a new row of core.tb_entity_change_log that can, then remove the letter";
  if (reason == "max_deliveries") return "max_deliveries: transport postgres counts no deliveries, and did not write this letter";
  return not_retried(reason);
}

}  // namespace

TableRetries::TableRetries(Loop& loop, const ExecutorConfig& config, const Observers& observers)
    : loop_(loop),
      config_(config),
      observers_(observers),
      letters_(config.change_log.database_url, config.change_log.transport_name, "fraiseql executor --retry") {}

TableRetries::~TableRetries() = default;

Result<RetryLetter> TableRetries::take(std::uint64_t number, bool dry_run) {
  // In hand first, read second: another retry may be about to remove it.
  if (!dry_run && !letters_.claim(number)) return Error{"another retry has it in hand"};
  const auto letter = letters_.get(number);
  const auto refused = letter ? refusal(letter->reason) : std::optional<std::string>(no_such_letter().what);
  auto original = refused ? Result<StoredMessage>(Error{*refused}) : original_of(*letter);
  if (!original) {
    if (!dry_run) put_back(number);
    return original.error();
  }
  std::uint64_t action = 0;
  std::from_chars(letter->action.data(), letter->action.data() + letter->action.size(), action);
  return RetryLetter{letter->reason, letter->observer, action, std::move(original).value()};
}

void TableRetries::remove(std::uint64_t number) { letters_.remove({number}); }

void TableRetries::put_back(std::uint64_t number) try {
  letters_.release(number);
} catch (const Unavailable&) {  // the lock went with the connection
} catch (const ConfigError&) {  // the same, for whatever reason there is no other one
}

Requests* TableRetries::requests() {
  if (!nats_) nats_ = std::make_unique<ActionsNats>(loop_, config_.nats, observers_);
  return nats_->requests();
}

Result<StoredMessage> original_of(const TableLetter& letter) {
  StoredMessage message;
  message.payload = letter.payload;
  const auto view = view_event(message.payload);
  if (!view) return Error{"the letter holds no event: " + view.error().what};
  message.subject = view.value().subject;
  message.headers.emplace_back("Nats-Msg-Id", letter.event_id);
  for (const auto& [name, value] : letter.headers)
    if (lower_case(name) != "nats-msg-id") message.headers.emplace_back(name, value);
  return message;
}

}  // namespace fraiseql
