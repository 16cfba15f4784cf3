#include <algorithm>

#include "common/config/action_rules.hpp"
#include "common/config/reader.hpp"
#include "common/config/rules.hpp"

namespace fraiseql::config {
namespace {

/// One [[observers.actions]] table.
class ActionReader {
 public:
  ActionReader(const Node& table, Reader& reader) : table_(table), reader_(reader) {}

  void read(std::vector<ActionConfig>& actions) {
    const Node* type = table_.find("type");
    if (!type) return reader_.mistake(table_, path("type"), "is missing");
    const bool text = type->kind == Node::Kind::string;
    const auto kind = std::ranges::find(kinds, text ? std::string_view(type->text) : "", &Kind::type);
    if (text && kind == std::end(kinds)) return reader_.mistake(*type, path("type"), "Unsupported action type: " + type->text);
    reader_.read(table_, "observers.actions", values_, [&](const std::string& name, const Node& node) {
      const Key* key = find_key(Home::observers, name);
      if (!text || !key || belongs_to(*key, type->text)) return false;
      reader_.mistake(node, name, "has no meaning for type " + type->text);
      return true;
    });
    if (!text) return;  // said by the reader
    action_.type = type->text;
    action_.origin = reader_.origin(table_);
    action_.timeout = std::chrono::seconds(take<std::int64_t>(values_, path("timeout_secs"), 30));
    (this->*kind->fill)();
    actions.push_back(std::move(action_));
  }

 private:
  struct Kind {
    std::string_view type;
    void (ActionReader::*fill)();
  };
  static const Kind kinds[7];

  void webhook() {
    url("url", "url_env", "a webhook");
    action_.method = take<std::string>(values_, path("method"), action_.method);
    action_.body_template = placed("body_template");
    headers();
    signing_secrets();
  }

  void slack() {
    url("webhook_url", "webhook_url_env", "a slack action");
    action_.channel = text("channel");
    need("message_template", "a slack action");
    action_.message_template = placed("message_template");
  }

  void email() {
    action_.to = one_of("to", "to_template", "an email");
    action_.subject = one_of("subject", "subject_template", "an email");
    need("body_template", "an email");
    action_.body_template = placed("body_template");
    action_.reply_to = text("reply_to");
  }

  void database() {
    need("function_name", "a database action");
    action_.function_name = text("function_name");
    action_.params = take<std::string>(values_, path("params"), "{}");
  }

  void nats() {
    need("subject_template", "a nats action");
    action_.subject = placed("subject_template");
    if (const auto wrong = nats_subject(action_.subject.text); action_.subject.set() && !wrong.empty())
      reader_.mistake(*table_.find("subject_template"), path("subject_template"), wrong);
    action_.body_template = placed("body_template");
  }

  void cache() {
    need("key_pattern", "a cache action");
    action_.key_pattern = placed("key_pattern");
  }

  void log() {
    action_.level = take<std::string>(values_, path("level"), action_.level);
    action_.message_template = placed("message_template");
  }

  void url(const std::string& name, const std::string& name_env, const std::string& who) {
    action_.url = one_of(name, name_env, who);
    const Node* env = table_.find(name_env);
    if (!env || table_.find(name) || !action_.url.set()) return;
    action_.url_secret = true;
    const std::string variable = std::exchange(action_.url.text, {});
    const auto found = reader_.variable(*env, path(name_env), variable);
    if (!found) return;
    action_.url.text = *found;
    if (const auto wrong = found->empty() ? "is empty" : webhook_url(*found); !wrong.empty())
      reader_.mistake(*env, path(name_env), "the URL in " + variable + " " + wrong);
  }

  void headers() {
    const Node* table = table_.find("headers");
    if (!table) return;
    for (const auto& [name, value] : take<std::vector<std::pair<std::string, std::string>>>(values_, path("headers"), {})) {
      const Node* member = table->find(name);
      const std::string place = path("headers.") + name;
      if (!is_header_name(name))
        reader_.mistake(*member, place, "is not the name of an HTTP header");
      else if (is_own_header(name))
        reader_.mistake(*member, place, "this header is set by the executor");
      if (!printable(value).empty() || value.size() > 8192 || !valid_utf8(value))
        reader_.mistake(*member, place, "the value must not contain control characters, nor have more than 8192 bytes");
      action_.headers.emplace_back(name, Placed{value, reader_.origin(*member)});
    }
  }

  void signing_secrets() {
    const Node* node = table_.find("signing_secret_env");
    if (!node) return;
    for (const auto& variable : take<std::vector<std::string>>(values_, path("signing_secret_env"), {})) {
      const auto secret = reader_.variable(*node, path("signing_secret_env"), variable);
      if (!secret) continue;
      if (const auto wrong = signing_secret(*secret); !wrong.empty())
        reader_.mistake(*node, path("signing_secret_env"), "the secret in " + variable + " " + wrong);
      action_.signing_secrets.push_back(*secret);
    }
  }

  /// The one of two keys that is set.
  Placed one_of(const std::string& one, const std::string& other, const std::string& who) {
    const Node* both = table_.find(one) ? table_.find(other) : nullptr;
    if (both) reader_.mistake(*both, path(other), one + " and " + other + " are both set");
    if (!table_.find(one) && !table_.find(other)) reader_.mistake(table_, path(one), who + " needs " + one + " or " + other);
    return placed(table_.find(one) ? one : other);
  }

  void need(const std::string& name, const std::string& who) {
    if (!table_.find(name)) reader_.mistake(table_, path(name), who + " needs " + name);
  }

  static std::string path(const std::string& name) { return "observers.actions." + name; }
  std::string text(const std::string& name) const { return take<std::string>(values_, path(name), ""); }
  Placed placed(const std::string& name) const {
    const auto found = values_.find(path(name));
    return found == values_.end() ? Placed{} : Placed{std::get<std::string>(found->second.value), found->second.origin};
  }

  const Node& table_;
  Reader& reader_;
  Values values_;
  ActionConfig action_;
};

const ActionReader::Kind ActionReader::kinds[] = {
    {"webhook", &ActionReader::webhook},   {"slack", &ActionReader::slack}, {"email", &ActionReader::email},
    {"database", &ActionReader::database}, {"nats", &ActionReader::nats},   {"cache", &ActionReader::cache},
    {"log", &ActionReader::log},
};

}  // namespace

void read_action(const Node& table, Reader& reader, std::vector<ActionConfig>& actions) {
  ActionReader(table, reader).read(actions);
}

}  // namespace fraiseql::config
