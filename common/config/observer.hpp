#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace fraiseql {

using std::chrono::milliseconds;

struct RetryPolicy {
  enum class Backoff { exponential, linear, fixed };
  int max_attempts = 3;  ///< counts the first try
  Backoff backoff = Backoff::exponential;
  milliseconds initial_delay{100};
  milliseconds max_delay{30000};
};

/// A text of the observer file and where it stands (`file:line`, `environment:NAME`): messages about what is in it name the
/// place. Both empty: not set.
struct Placed {
  std::string text;
  std::string origin;
  bool set() const { return !origin.empty(); }
};

/// One [[observers.actions]] table, its values checked, its templates not yet compiled. Which members have a meaning:
/// docs/observers.md.
struct ActionConfig {
  std::string type;    ///< webhook, slack, email, database, nats, cache, log
  std::string origin;  ///< `file:line` of the table
  milliseconds timeout{30000};

  Placed url;               ///< webhook, slack; a template
  bool url_secret = false;  ///< it came from a variable: not to be shown
  std::string method = "POST";
  std::vector<std::pair<std::string, Placed>> headers;  ///< webhook; in the order of the file; values are templates
  Placed body_template;                                 ///< webhook, email, nats
  std::vector<std::string> signing_secrets;             ///< webhook; the current one first

  std::string channel;         ///< slack
  Placed message_template;     ///< slack, log
  std::string level = "info";  ///< log

  Placed to, subject;    ///< email; templates. nats: `subject` is the subject's template
  std::string reply_to;  ///< email

  std::string function_name;  ///< database: a name or schema.name
  std::string params = "{}";  ///< database: JSON object

  Placed key_pattern;  ///< cache; a template
};

/// What actions need besides their own table.
struct ActionSettings {
  struct Email {
    enum class Tls { starttls, tls, none };
    std::string host;  ///< empty: there is no [email]
    int port = 587;
    std::string from;
    std::string username, password;  ///< empty: none
    Tls tls = Tls::starttls;
  };
  Email email;
  std::string redis_url;                           ///< empty: there is no [redis]
  std::string database_url;                        ///< empty: none
  std::string subject_prefix, dlq_subject_prefix;  ///< of our own streams: publishing there would be a loop
};

struct ObserverConfig {
  enum class OnFailure { dlq, log, alert };
  std::string name;
  std::string origin;      ///< `file:line` of its table
  std::string entity;      ///< "*": every entity
  std::string event_type;  ///< INSERT UPDATE DELETE CUSTOM, "*": all
  Placed condition;        ///< not yet compiled; not set: always
  OnFailure on_failure = OnFailure::dlq;
  bool enabled = true;
  std::vector<ActionConfig> actions;
  RetryPolicy retry;
};

}  // namespace fraiseql
