#include "common/config/settings.hpp"

#include <stdexcept>

#include "common/config.hpp"
#include "common/config/document.hpp"
#include "common/config/keys.hpp"
#include "common/config/mistakes.hpp"
#include "common/config/reader.hpp"
#include "common/config/rules.hpp"
#include "common/config/values.hpp"

namespace fraiseql {

using namespace config;

const Setting& Settings::at(std::string_view key) const {
  const auto found = values_.find(key);
  if (found == values_.end()) throw std::logic_error("no setting " + std::string(key));
  return found->second;
}

namespace {

template <class T>
const T& typed(const Setting& setting, std::string_view key) {
  if (const T* value = std::get_if<T>(&setting.value)) return *value;
  throw std::logic_error("setting " + std::string(key) + " has another type");
}

std::string backend_as_transport(const std::string& backend) {
  if (backend == "postgresql") return "postgres";
  if (backend == "in-memory") return "in_memory";
  return backend;
}

}  // namespace

const std::string& Settings::text(std::string_view key) const { return typed<std::string>(at(key), key); }
std::int64_t Settings::integer(std::string_view key) const { return typed<std::int64_t>(at(key), key); }
bool Settings::flag(std::string_view key) const { return typed<bool>(at(key), key); }
const std::vector<std::string>& Settings::list(std::string_view key) const {
  return typed<std::vector<std::string>>(at(key), key);
}
std::vector<std::string> Settings::differences(const Settings& other) const {
  std::vector<std::string> keys;
  for (const auto& [key, setting] : values_)
    if (!other.has(key) || other.at(key).value != setting.value) keys.push_back(key);
  for (const auto& [key, setting] : other.values_)
    if (!has(key)) keys.push_back(key);
  return keys;
}

std::string Settings::origin(std::string_view key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? "default" : found->second.origin;
}

/// Puts the layers on top of each other, and judges what depends on more than one key.
class SettingsLoader {
 public:
  explicit SettingsLoader(const SourceTexts& texts) : texts_(texts) { settings_.app_file_ = texts.app_file; }

  Settings load() {
    bool readable = true;
    if (texts_.observer_text) {
      if (const auto document = parse_document(*texts_.observer_text, texts_.observer_file, mistakes_))
        observer_file(*document);
      else
        readable = false;
    }
    if (texts_.app_text) {
      if (const auto document = parse_document(*texts_.app_text, texts_.app_file, mistakes_))
        app_file(*document);
      else
        readable = false;
    }
    environment();
    has_database_ = has_database_ || texts_.environment.contains("DATABASE_URL");
    if (readable) {
      defaults();
      together();
    }
    mistakes_.raise();
    return std::move(settings_);
  }

 private:
  void observer_file(const Node& document) {
    Reader reader(texts_.observer_file, Home::observer_file, texts_.environment, texts_.users, mistakes_);
    Reader observers(texts_.observer_file, Home::observers, texts_.environment, texts_.users, mistakes_);
    reader.read(document, "", settings_.values_, [&](const std::string& path, const Node& node) {
      if (const auto home = moved_to(path); !home.empty()) {
        reader.mistake(node, path, "has moved: write it as " + std::string(home));
        return true;
      }
      if (path == "observers") {
        if (node.kind == Node::Kind::array)
          settings_.observers_ = read_observers(node, observers);
        else
          reader.mistake(node, path, "write [[observers]] for an observer; [observers] belongs in " + texts_.app_file);
        return true;
      }
      if (path == "clickhouse" || path == "job_queue") {
        settings_.warnings_.push_back(mistake_line(reader.origin(node), path, "has no meaning here and is passed over"));
        return true;
      }
      if (node.kind == Node::Kind::table && is_moved_table(path) && !is_table(Home::observer_file, path)) {
        moved_table(reader, path, node);
        return true;
      }
      return false;
    });
    const auto table = [&](std::string_view name) {
      const Node* found = document.find(name);
      return found && found->kind == Node::Kind::table ? found : nullptr;
    };
    if (const Node* email = table("email")) read_email(*email, reader, settings_.values_, settings_.actions_.email);
    if (const Node* redis = table("redis")) read_redis(*redis, reader, settings_.values_, settings_.actions_.redis_url);
    has_email_ = document.find("email");
    has_redis_ = document.find("redis");
  }

  /// A table of FraiseQL's that has keys which live elsewhere now, and none of its own.
  void moved_table(Reader& reader, const std::string& path, const Node& table) {
    for (const auto& [name, node] : table.members) {
      const std::string inner = path + "." + name;
      if (const auto home = moved_to(inner); !home.empty())
        reader.mistake(node, inner, "has moved: write it as " + std::string(home));
      else
        reader.mistake(node, inner, "unknown key; the nearest known one is " + nearest(Home::observer_file, inner, false));
    }
  }

  void app_file(const Node& document) {
    Reader reader(texts_.app_file, Home::app_file, texts_.environment, texts_.users, mistakes_);
    // The file is FraiseQL's; only these are ours.
    static constexpr std::string_view passed_over[] = {"observers.enabled", "observers.redis_url", "observers.handlers",
                                                       "observers.runtime", "observers.pool"};
    reader.read(document, "", settings_.values_, [&](const std::string& path, const Node& node) {
      if (path == "observers") {
        if (node.kind == Node::Kind::array) reader.mistake(node, path, "[[observers]] belongs in " + texts_.observer_file);
        return node.kind == Node::Kind::array;
      }
      if (path == "database.url") has_database_ = true;
      // An executor needs it with some transports and actions only: what is wrong with its variables is said when it does.
      if (path == "database.url" && !reader.matters(for_bridge) && !texts_.environment.contains("DATABASE_URL")) {
        const auto expanded = expand(node, texts_.environment);
        has_database_ = bool{expanded};
        if (!expanded) settings_.why_no_database_ = mistake_line(reader.origin(node), path, expanded.error().what);
        return !expanded;
      }
      if (path == "database") return node.kind != Node::Kind::table;
      for (const std::string_view theirs : passed_over)
        if (path == theirs) return true;
      // Its value is of no use when the other file or the environment has one, and may name variables that are not set.
      if (path == "observers.nats_url")
        return settings_.has("transport.nats.url") || texts_.environment.contains("FRAISEQL_NATS_URL");
      return path != "database.url" && !path.starts_with("observers.");
    });
  }

  void environment() {
    for (const Key& key : keys(Home::observer_file)) from_environment(key);
    for (const Key& key : keys(Home::app_file)) from_environment(key);
    for (const auto& [name, value] : texts_.environment) look_for_slips(name);
  }

  void from_environment(const Key& key) {
    const auto found = key.variable.empty() ? texts_.environment.end() : texts_.environment.find(key.variable);
    if (found == texts_.environment.end()) return;
    const std::string origin = "environment:" + std::string(key.variable);
    if (key.later) return mistakes_.add(origin, key.name, "not supported yet");
    auto value = value_of(key, found->second);
    if (value)
      settings_.values_[std::string(key.name)] = Setting{std::move(value).value(), origin};
    else
      mistakes_.add(origin, key.name, value.error().what);
  }

  /// A misspelt variable would be passed over in silence; but FraiseQL has variables of its own, so it is no error.
  void look_for_slips(const std::string& name) {
    for (const char* ours :
         {"FRAISEQL_NATS_", "FRAISEQL_BRIDGE_", "FRAISEQL_HEALTH_", "FRAISEQL_STATUS_", "FRAISEQL_OBSERVER_"}) {
      if (!name.starts_with(ours)) continue;
      for (const Key& key : keys(Home::observer_file))
        if (key.variable == name) return;
      settings_.warnings_.push_back(mistake_line("environment:" + name, "unknown variable", "is passed over"));
      return;
    }
  }

  void defaults() {
    Values& values = settings_.values_;
    if (!values.contains("transport.transport") && values.contains("observers.backend")) {
      const Setting& backend = values.at("observers.backend");
      values["transport.transport"] = Setting{backend_as_transport(std::get<std::string>(backend.value)), backend.origin};
    }
    if (!values.contains("transport.nats.url") && values.contains("observers.nats_url"))
      values["transport.nats.url"] = values.at("observers.nats_url");
    for (const Key& key : keys(Home::observer_file)) {
      if (values.contains(key.name) || key.later || (key.standard.empty() && key.rule.type != Type::list)) continue;
      auto value = value_of(key, std::string(key.standard));
      if (!value) throw std::logic_error("default of " + std::string(key.name) + ": " + value.error().what);
      values[std::string(key.name)] = Setting{std::move(value).value(), "default"};
    }
    derive("health.expect_bridges", settings_.run_bridge() ? 1 : 0);
    derive("health.expect_executors", settings_.run_executors() ? 1 : 0);
    derive("executor.max_per_host", std::max<std::int64_t>(1, settings_.integer("executor.max_concurrency") / 4));
  }

  void derive(const std::string& key, std::int64_t value) { settings_.values_.try_emplace(key, Setting{value, "default"}); }

  void mistake(std::string_view key, std::string_view message) { mistakes_.add(settings_.origin(key), key, message); }

  /// What one key alone does not tell.
  void together() {
    const Settings& s = settings_;
    if (s.has("observers.backend") && s.transport() != backend_as_transport(s.text("observers.backend")))
      mistake("transport.transport", "transport is " + s.transport() + ", but [observers] backend is " +
                                         s.text("observers.backend") + " (" + s.origin("observers.backend") + ")");
    const bool nats = s.transport() == "nats";
    if (s.run_bridge() && !nats) mistake("transport.run_bridge", "run_bridge=true requires transport=nats");
    if (nats && s.text("transport.nats.url").empty()) mistake("transport.nats.url", "NATS transport requires nats.url to be set");
    if (subjects_overlap(s.text("transport.nats.subject_prefix"), s.text("transport.nats.dlq_subject_prefix")))
      mistake(s.origin("transport.nats.dlq_subject_prefix") == "default" ? "transport.nats.subject_prefix"
                                                                         : "transport.nats.dlq_subject_prefix",
              "nats.dlq_subject_prefix must be neither under nor above nats.subject_prefix");
    authentication();
    if ((texts_.users & for_executor) != 0)
      for (const ObserverConfig& observer : s.observers())
        for (const ActionConfig& action : observer.actions) needs(action);
    if (!s.flag("health.status_allow_insecure") && leaves_loopback(s.text("health.status_endpoint")))
      mistake("health.status_endpoint",
              "reports would leave this machine in clear text: set status_allow_insecure = true, or use loopback or ipc://");
    if (s.integer("executor.max_per_host") > s.integer("executor.max_concurrency"))
      mistake("executor.max_per_host", "executor.max_per_host must not be above executor.max_concurrency");
  }

  /// What an action needs besides its own table.
  void needs(const ActionConfig& action) {
    const auto lacks = [&](const std::string& what) { mistakes_.add(action.origin, "observers.actions.type", what); };
    if (action.type == "email" && !has_email_) lacks("an email needs the table [email]");
    if (action.type == "cache" && !has_redis_) lacks("a cache action needs the table [redis]");
    if (action.type != "database" || has_database_) return;
    if (settings_.why_no_database_.empty())
      lacks("a database action needs DATABASE_URL, or url in [database] of " + texts_.app_file);
    else
      mistakes_.add(settings_.why_no_database_);
    has_database_ = !settings_.why_no_database_.empty();  // which is said once
  }

  void authentication() {
    const auto given = [&](std::string_view key) { return settings_.has(key) && !settings_.text(key).empty(); };
    const bool in_url = settings_.text("transport.nats.url").find('@') != std::string::npos;
    const bool user = given("transport.nats.user"), token = given("transport.nats.token");
    if (given("transport.nats.password") && !user) mistake("transport.nats.password", "nats.password needs nats.user");
    if (in_url + user + token <= 1) return;
    std::string ways;
    for (const auto& [used, name] : {std::pair{in_url, "nats.url"}, std::pair{user, "nats.user"}, std::pair{token, "nats.token"}})
      if (used) ways += (ways.empty() ? "" : ", ") + std::string(name);
    mistake(token ? "transport.nats.token" : "transport.nats.user", "at most one way to authenticate; given: " + ways);
  }

  const SourceTexts& texts_;
  Mistakes mistakes_;
  Settings settings_;
  bool has_email_ = false, has_redis_ = false, has_database_ = false;  // though perhaps with a mistake
};

Settings load(const SourceTexts& texts) { return SettingsLoader(texts).load(); }

}  // namespace fraiseql
