#include "executor/language/template.hpp"

#include "common/subject.hpp"
#include "executor/event.hpp"
#include "executor/language/escape.hpp"
#include "executor/language/template_parser.hpp"

namespace fraiseql {
namespace {

using Part = Template::Part;
using Place = Template::Place;
using From = Part::From;

struct Value {
  enum class Kind { missing, plain, json } kind = Kind::missing;
  std::string_view text;  ///< of `plain` what it says, of `json` the raw JSON
};

Value plain(std::string_view text) { return {Value::Kind::plain, text}; }
Value json(std::string_view raw) { return {raw.empty() ? Value::Kind::missing : Value::Kind::json, raw}; }

Value value_of(const Part& part, const Event& event) {
  switch (part.from) {
    case From::event:
      return plain(event.view.event);
    case From::entity:
      return plain(event.view.entity);
    case From::subject:
      return plain(event.view.subject);
    case From::timestamp:
      return plain(event.view.timestamp);
    case From::id:
      return plain(event.id);
    case From::entity_id:
      if (const auto id = event.message.header("Fraiseql-Entity-Id"); !id.empty()) return plain(id);
      return {};
    case From::payload:
      return json(event.message.payload);
    case From::data:
      return json(raw_json::find(event.view.data, part.path));
    case From::before:
      return json(raw_json::find(event.view.before, part.path));
    case From::text:
      break;
  }
  return plain(part.text);
}

// A text without its quotes and escapes; null is nothing; all else the JSON that it is.
std::string as_text(const Value& value) {
  std::string text;
  if (value.kind == Value::Kind::plain) {
    text = value.text;
  } else if (value.kind == Value::Kind::json) {
    const auto kind = raw_json::kind(value.text);
    if (kind == raw_json::Kind::text)
      raw_json::append(text, raw_json::text(value.text));
    else if (kind != raw_json::Kind::null)
      text = value.text;
  }
  return text;
}

std::string as_utf8(const std::string& text) {
  std::string whole;
  escape::utf8(whole, text);
  return whole;
}

void put_json(std::string& to, const Value& value, bool quoted) {
  if (value.kind == Value::Kind::missing) {
    if (!quoted) to += "null";
  } else if (value.kind == Value::Kind::plain) {
    if (!quoted) to += '"';
    escape::json_text(to, as_utf8(std::string(value.text)));
    if (!quoted) to += '"';
  } else if (!quoted) {
    to += value.text;
  } else if (const auto kind = raw_json::kind(value.text); kind == raw_json::Kind::text) {
    to += raw_json::text(value.text).bytes;  // escaped already
  } else if (kind != raw_json::Kind::null) {
    escape::json_text(to, value.text);
  }
}

void put(std::string& to, const Value& value, const Part& part, Place place) {
  if (place == Place::json) return put_json(to, value, part.quoted);
  const std::string text = as_text(value);
  switch (place) {
    case Place::key:
      to += text;
      return;
    case Place::pattern:
      return escape::glob(to, text);
    case Place::subject: {
      const auto token = entity_token(text);
      if (!token)
        throw Unrenderable("{{ " + part.text + " }} is longer than " + std::to_string(max_token_bytes) +
                           " bytes, and so no token of a subject");
      to += *token;
      return;
    }
    case Place::header:
      return escape::line(to, as_utf8(text));
    case Place::url:
      return escape::url(to, as_utf8(text));
    case Place::chat:
      return escape::chat(to, as_utf8(text));
    case Place::text:
    case Place::json:
      break;
  }
  // NUL ends a text for too many that read it.
  for (const char c : as_utf8(text)) {
    if (c == '\0')
      to += "\xef\xbf\xbd";
    else
      to += c;
  }
}

}  // namespace

struct Template::Parts {
  std::vector<Part> all;
  Place place;
};

Template::Template(std::string_view text, Place place)
    : parts_(std::make_unique<const Parts>(Parts{parse_template(text, place), place})) {}
Template::~Template() = default;
Template::Template(Template&&) noexcept = default;
Template& Template::operator=(Template&&) noexcept = default;

std::string Template::render(const Event& event, const std::function<void(std::string_view)>& unknown) const {
  std::string made;
  for (const Part& part : parts_->all) {
    if (part.from == From::text) {
      made += part.text;
    } else {
      const Value value = value_of(part, event);
      if (value.kind == Value::Kind::missing) unknown(part.text);
      put(made, value, part, parts_->place);
    }
    if (made.size() > longest_rendering)
      throw Unrenderable("the template's text is longer than " + std::to_string(longest_rendering) + " bytes");
  }
  return made;
}

std::string Template::render(const Event& event, unsigned& unknown) const {
  return render(event, [&](std::string_view) { ++unknown; });
}

bool Template::fixed() const {
  for (const Part& part : parts_->all)
    if (part.from != From::text) return false;
  return true;
}

std::string_view Template::beginning() const {
  // `{{ '...' }}` makes several texts of one; whoever asks wants no more than the first.
  if (parts_->all.empty() || parts_->all.front().from != From::text) return {};
  return parts_->all.front().text;
}

}  // namespace fraiseql
