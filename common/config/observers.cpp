#include <array>
#include <set>

#include "common/config/reader.hpp"
#include "common/config/rules.hpp"

namespace fraiseql::config {
namespace {

std::string lower_case(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

template <class T>
T take(const Values& values, std::string_view key, T otherwise) {
  const auto found = values.find(key);
  return found == values.end() ? std::move(otherwise) : std::get<T>(found->second.value);
}

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
        action(item, observer);
      else
        reader_.mistake(item, "observers.actions", "expected a table, got " + std::string(kind_name(item.kind)));
    }
  }

  void action(const Node& table, ObserverConfig& observer) {
    const Node* type = table.find("type");
    if (!type) return reader_.mistake(table, "observers.actions.type", "is missing");
    if (type->kind == Node::Kind::string && type->text != "webhook" && type->text != "log") {
      for (const char* later : {"slack", "email", "database", "nats", "cache"})
        if (type->text == later) return reader_.mistake(*type, "observers.actions.type", type->text + ": not supported yet");
      return reader_.mistake(*type, "observers.actions.type", "Unsupported action type: " + type->text);
    }
    Values values;
    reader_.read(table, "observers.actions", values, {});
    if (type->kind != Node::Kind::string) return;  // said by the reader
    ActionConfig action;
    action.type = type->text;
    action.origin = reader_.origin(table);
    fits_type(table, action.type);
    if (action.type == "webhook") webhook(table, values, action);
    action.level = take<std::string>(values, "observers.actions.level", action.level);
    observer.actions.push_back(std::move(action));
  }

  void fits_type(const Node& table, const std::string& type) {
    static constexpr std::array<std::string_view, 2> of_log{"level", "message_template"};
    for (const auto& [name, node] : table.members) {
      const std::string path = "observers.actions." + name;
      if (name == "type" || !find_key(Home::observers, path)) continue;
      const bool belongs_to_log = name == of_log[0] || name == of_log[1];
      if (belongs_to_log != (type == "log")) reader_.mistake(node, path, "has no meaning for type " + type);
    }
  }

  void webhook(const Node& table, const Values& values, ActionConfig& action) {
    const Node* url = table.find("url");
    const Node* url_env = table.find("url_env");
    if (url && url_env) reader_.mistake(*url_env, "observers.actions.url_env", "url and url_env are both set");
    if (!url && !url_env) reader_.mistake(table, "observers.actions.url", "a webhook needs url or url_env");
    if (url) action.url = {take<std::string>(values, "observers.actions.url", ""), reader_.origin(*url)};
    if (url_env && values.contains("observers.actions.url_env")) {
      action.url = {url_from_environment(*url_env, take<std::string>(values, "observers.actions.url_env", "")),
                    reader_.origin(*url_env)};
      action.url_secret = true;
    }
    action.method = take<std::string>(values, "observers.actions.method", action.method);
    action.timeout = std::chrono::seconds(take<std::int64_t>(values, "observers.actions.timeout_secs", 30));
    const auto pairs = take<std::vector<std::pair<std::string, std::string>>>(values, "observers.actions.headers", {});
    if (const Node* headers = table.find("headers")) {
      check_headers(*headers, pairs);
      for (const auto& [name, value] : pairs) action.headers.emplace_back(name, Placed{value, reader_.origin(*headers)});
    }
  }

  std::string url_from_environment(const Node& place, const std::string& variable) {
    const auto found = reader_.environment().find(variable);
    if (found == reader_.environment().end()) {
      if (reader_.matters(for_executor)) reader_.mistake(place, "observers.actions.url_env", "unset variable " + variable);
      return {};
    }
    if (const std::string wrong = webhook_url(found->second); !wrong.empty())
      reader_.mistake(place, "observers.actions.url_env", "the URL in " + variable + " " + wrong);
    return found->second;
  }

  void check_headers(const Node& place, const std::vector<std::pair<std::string, std::string>>& headers) {
    static constexpr std::string_view token_marks = "!#$%&'*+-.^_`|~";
    for (const auto& [name, value] : headers) {
      bool token = !name.empty() && name.size() <= 255;
      for (const char c : name) {
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        token = token && (letter || token_marks.find(c) != token_marks.npos);
      }
      const std::string path = "observers.actions.headers." + name;
      if (!token)
        reader_.mistake(place, path, "is not the name of an HTTP header");
      else if (is_ours(lower_case(name)))
        reader_.mistake(place, path, "this header is set by the executor");
      if (!printable(value).empty() || value.size() > 8192)
        reader_.mistake(place, path, "the value must not contain control characters, nor have more than 8192 bytes");
    }
  }

  static bool is_ours(const std::string& name) {
    for (const char* ours :
         {"webhook-id", "webhook-timestamp", "webhook-signature", "content-length", "transfer-encoding", "connection", "host"})
      if (name == ours) return true;
    return name.starts_with("fraiseql-") || name.starts_with("x-fraiseql-signature");
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
