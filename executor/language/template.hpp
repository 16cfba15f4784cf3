#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace fraiseql {

struct Event;

/// A compiled template, such as `{"id": "{{ id }}"}`. Immutable; any thread may use it. Pure.
///
/// Values are escaped for where they land, substituted once and never expanded again. The names: docs/observers.md.
class Template {
 public:
  /// Where the text goes.
  enum class Place {
    json,     ///< a JSON document: text inside quotes, raw JSON outside
    text,     ///< plain text: a mail's body, a log line, a chat message before it is made JSON
    header,   ///< one line: control bytes are percent-encoded
    url,      ///< percent-encoded
    subject,  ///< a token of a NATS subject: as entities in event subjects
    key,      ///< a Redis key: as it is
  };

  /// Throws Mistake.
  Template(std::string_view text, Place place);
  ~Template();
  Template(Template&&) noexcept;
  Template& operator=(Template&&) noexcept;

  /// `unknown`: grows by one for every name that the event does not have; an empty string stands for it.
  std::string render(const Event& event, unsigned& unknown) const;
  /// Whether every rendering is the text itself.
  bool fixed() const;

 private:
  struct Part;
  struct Parts;
  std::unique_ptr<const Parts> parts_;
};

}  // namespace fraiseql
