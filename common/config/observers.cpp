#include <set>

#include "common/config/reader.hpp"

namespace fraiseql::config {
namespace {

/// One [[observers]] table after the other.
class Builder {
 public:
  explicit Builder(Reader& reader) : reader_(reader) {}

  void observer(const Node& table, std::size_t number) {
    ObserverConfig observer;
    observer.origin = reader_.origin(table);
    const Node* actions = nullptr;
    Values values;
    reader_.read(table, "observers", values, [&](const std::string& path, const Node& node) {
      if (path == "observers.actions") actions = &node;
      return path == "observers.actions";
    });
    observer.name = take<std::string>(values, "observers.name", "observer-" + std::to_string(number));
    if (!names_.insert(observer.name).second)
      reader_.mistake(table, "observers.name", "another observer has this name: " + observer.name);
    observer.entity = take<std::string>(values, "observers.entity", "*");
    if (const Node* condition = table.find("condition"); condition && values.contains("observers.condition"))
      observer.condition = {take<std::string>(values, "observers.condition", ""), reader_.origin(*condition)};
    observer.event_type = take<std::string>(values, "observers.event_type", "*");
    const auto on_failure = take<std::string>(values, "observers.on_failure", "dlq");
    observer.on_failure = on_failure == "log"     ? ObserverConfig::OnFailure::log
                          : on_failure == "alert" ? ObserverConfig::OnFailure::alert
                                                  : ObserverConfig::OnFailure::dlq;
    if (const auto found = values.find("observers.condition"); found != values.end())
      observer.condition = {std::get<std::string>(found->second.value), found->second.origin};
    observer.enabled = take(values, "observers.enabled", true);
    observer.retry = retry(table, values);
    if (!actions)
      reader_.mistake(table, "observers.actions", "an observer needs at least one [[observers.actions]]");
    else if (actions->kind != Node::Kind::array)
      reader_.mistake(*actions, "observers.actions", "write [[observers.actions]]");
    else
      read_actions(*actions, table, observer);
    observers_.push_back(std::move(observer));
  }

  std::vector<ObserverConfig> observers() { return std::move(observers_); }

 private:
  RetryPolicy retry(const Node& table, const Values& values) {
    RetryPolicy retry;
    retry.max_attempts = static_cast<int>(take<std::int64_t>(values, "observers.retry.max_attempts", retry.max_attempts));
    const auto strategy = take<std::string>(values, "observers.retry.backoff_strategy", "exponential");
    retry.backoff = strategy == "linear"  ? RetryPolicy::Backoff::linear
                    : strategy == "fixed" ? RetryPolicy::Backoff::fixed
                                          : RetryPolicy::Backoff::exponential;
    retry.initial_delay =
        milliseconds(take<std::int64_t>(values, "observers.retry.initial_delay_ms", retry.initial_delay.count()));
    retry.max_delay = milliseconds(take<std::int64_t>(values, "observers.retry.max_delay_ms", retry.max_delay.count()));
    if (retry.max_delay < retry.initial_delay) {
      const Node* place = table.find("retry");
      reader_.mistake(place ? *place : table, "observers.retry.max_delay_ms",
                      "retry.max_delay_ms must not be below retry.initial_delay_ms");
    }
    return retry;
  }

  void read_actions(const Node& array, const Node& table, ObserverConfig& observer) {
    if (array.items.empty()) reader_.mistake(table, "observers.actions", "an observer needs at least one [[observers.actions]]");
    for (const Node& item : array.items) {
      if (item.kind == Node::Kind::table)
        read_action(item, reader_, observer.actions);
      else
        reader_.mistake(item, "observers.actions", "expected a table, got " + std::string(kind_name(item.kind)));
    }
  }

  Reader& reader_;
  std::set<std::string> names_;
  std::vector<ObserverConfig> observers_;
};

}  // namespace

std::vector<ObserverConfig> read_observers(const Node& array, Reader& reader) {
  Builder builder(reader);
  std::size_t number = 0;
  for (const Node& item : array.items) {
    if (item.kind == Node::Kind::table)
      builder.observer(item, ++number);
    else
      reader.mistake(item, "observers", "expected a table, got " + std::string(kind_name(item.kind)));
  }
  return builder.observers();
}

}  // namespace fraiseql::config
