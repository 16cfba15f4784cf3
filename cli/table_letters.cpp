#include "cli/letter_store.hpp"
#include "common/config.hpp"
#include "common/letter_table.hpp"

namespace fraiseql {
namespace {

class TableLetters : public LetterStore {
 public:
  explicit TableLetters(const Settings& settings)
      : letters_(database_url(settings), settings.text("transport.nats.consumer_name"), "fraiseql dlq") {
    if (settings.has("observers.max_dlq_size")) cap_ = settings.integer("observers.max_dlq_size");
  }

  std::string place() const override { return std::string("table ") + LetterTable::name + " for " + letters_.transport_name(); }
  std::string place_json() const override {
    return "\"table\":" + json_text(LetterTable::name) + ",\"consumer\":" + json_text(letters_.transport_name());
  }

  std::optional<Info> info() override {
    const LetterTable::Size size = letters_.size();
    return Info{size.letters, size.bytes, cap_};
  }

  std::optional<ShownLetter> get(std::uint64_t number) override {
    const auto letter = letters_.get(number);
    if (!letter) return std::nullopt;
    return shown(*letter);
  }

  std::vector<std::uint64_t> remove(const std::vector<std::uint64_t>& numbers) override { return letters_.remove(numbers); }

  void each(const LetterFilter& filter, const std::function<bool(const ShownLetter&)>& visit) override {
    letters_.each(filter, [&](const TableLetter& letter) { return visit(shown(letter)); });
  }

  // It publishes nothing: what cannot be retried it refuses, with the reason.
  const char* retried_by(const LetterFacts&) const override { return "executor"; }

 private:
  // It has no subject, and its event stands in no stream.
  static ShownLetter shown(const TableLetter& letter) {
    return {{letter.number, letter.failed_at, letter.reason, letter.entity, letter.operation, letter.observer, letter.action,
             letter.attempts, letter.http_status, letter.error, letter.event_id, ""},
            letter.stored_at_ns,
            "",
            letter.headers,
            letter.payload};
  }

  LetterTable letters_;
  std::int64_t cap_ = 0;
};

}  // namespace

std::unique_ptr<LetterStore> table_letters(const Settings& settings) { return std::make_unique<TableLetters>(settings); }

}  // namespace fraiseql
