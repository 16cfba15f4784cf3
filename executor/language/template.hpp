#pragma once

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace fraiseql {

struct Event;

/// A rendering that cannot be used: too long, or not what its place takes. An action that throws it from `start` has failed
/// for good (`template`).
class Unrenderable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A compiled template, such as `{"id": "{{ id }}"}`. Immutable; any thread may use it. Pure.
///
/// Values are escaped for where they land, substituted once and never expanded again. The names: docs/templates.md.
class Template {
 public:
  /// Where the text goes.
  enum class Place {
    json,     ///< a JSON document: text inside quotes, raw JSON outside
    text,     ///< plain text: a mail's body, a log line
    chat,     ///< a chat message before it is made JSON: & < > as Slack wants them, so that a value pings nobody
    header,   ///< one line: control bytes are percent-encoded
    url,      ///< percent-encoded
    subject,  ///< a token of a NATS subject: as entities in event subjects
    key,      ///< a Redis key: as it is, any bytes
    pattern,  ///< a glob of Redis keys: a value stands for itself, whatever is in it
  };
  static constexpr std::size_t longest = 64 * 1024;                  ///< bytes of the template itself
  static constexpr std::size_t longest_rendering = 8 * 1024 * 1024;  ///< bytes

  /// Throws Mistake; also when a JSON template is not JSON, whatever the values may be.
  Template(std::string_view text, Place place);
  ~Template();
  Template(Template&&) noexcept;
  Template& operator=(Template&&) noexcept;

  /// `unknown`: grows by one for every name that the event does not have; an empty string stands for it (in JSON outside
  /// quotes: null). Throws Unrenderable when the text gets longer than `longest_rendering`, or a token of a subject too long.
  std::string render(const Event& event, unsigned& unknown) const;
  /// The same; tells which names those are, as they are written.
  std::string render(const Event& event, const std::function<void(std::string_view name)>& unknown) const;
  /// Whether every rendering is the text itself.
  bool fixed() const;
  /// What every rendering begins with: the text before the first name.
  std::string_view beginning() const;

  struct Part;  ///< template_parser.hpp

 private:
  struct Parts;
  std::unique_ptr<const Parts> parts_;
};

}  // namespace fraiseql
