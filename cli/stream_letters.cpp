#include <algorithm>

#include "cli/letter_store.hpp"
#include "common/config.hpp"
#include "common/nats/dead_letters.hpp"

namespace fraiseql {
namespace {

class StreamLetters : public LetterStore {
 public:
  explicit StreamLetters(const Settings& settings)
      : config_(nats_config(settings)), link_(config_, nats::Link::Reconnect::always, "fraiseql dlq"), letters_(link_, config_) {}

  std::string place() const override { return "stream " + letters_.name(); }
  std::string place_json() const override { return "\"stream\":" + json_text(letters_.name()); }

  std::optional<Info> info() override {
    const auto info = letters_.info();
    if (!info) return std::nullopt;
    return Info{info->messages, info->bytes, std::max<std::int64_t>(info->max_msgs, 0)};
  }

  std::optional<ShownLetter> get(std::uint64_t number) override {
    const auto letter = letters_.get(number);
    if (!letter) return std::nullopt;
    return shown(*letter);
  }

  std::vector<std::uint64_t> remove(const std::vector<std::uint64_t>& numbers) override {
    if (!letters_.info()) return numbers;
    std::vector<std::uint64_t> missing;
    for (const std::uint64_t number : numbers)
      if (!letters_.remove(number)) missing.push_back(number);
    return missing;
  }

  void each(const LetterFilter& filter, const std::function<bool(const ShownLetter&)>& visit) override {
    letters_.each(filter, [&](const nats::StoredLetter& letter) { return visit(shown(letter)); });
  }

  const char* retried_by(const LetterFacts& facts) const override { return facts.reason == "unpublishable" ? "pg2nats-bridge" : "executor"; }

 private:
  ShownLetter shown(const nats::StoredLetter& letter) const {
    const auto header = [&](const char* name) { return letter.text(name); };
    return {{letter.number,
             header("Fraiseql-Dlq-Failed-At"),
             header("Fraiseql-Dlq-Reason"),
             letters_.entity_of(letter),
             letters_.operation_of(letter),
             header("Fraiseql-Dlq-Observer"),
             header("Fraiseql-Dlq-Action"),
             header("Fraiseql-Dlq-Attempts"),
             header("Fraiseql-Dlq-Http-Status"),
             header("Fraiseql-Dlq-Error"),
             header("Fraiseql-Event-Id"),
             header("Fraiseql-Dlq-Stream-Seq")},
            letter.stored_at_ns,
            letter.subject,
            letter.headers,
            letter.payload};
  }

  NatsConfig config_;
  nats::Link link_;
  nats::DeadLetterStream letters_;
};

}  // namespace

std::unique_ptr<LetterStore> stream_letters(const Settings& settings) { return std::make_unique<StreamLetters>(settings); }

}  // namespace fraiseql
