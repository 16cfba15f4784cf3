#include "executor/language/template_parser.hpp"

#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <algorithm>
#include <array>

#include "executor/language/condition_lexer.hpp"
#include "executor/language/mistake.hpp"

namespace fraiseql {
namespace {

using Part = Template::Part;
using From = Part::From;
using Token = ConditionToken;

struct Name {
  std::string_view written;
  From from;
};
constexpr std::array own_names{
    Name{"event", From::event},         Name{"entity", From::entity}, Name{"subject", From::subject},
    Name{"timestamp", From::timestamp}, Name{"id", From::id},         Name{"entity_id", From::entity_id},
    Name{"_json", From::payload},
};
// FraiseQL's: members of its event.
constexpr std::array event_names{
    Name{"id", From::id},
    Name{"event_type", From::event},
    Name{"entity_type", From::entity},
    Name{"entity_id", From::entity_id},
    Name{"timestamp", From::timestamp},
    Name{"data", From::data},
};
constexpr std::string_view how_names_look = "a name looks like status, data.customer.email or items[0].sku";

template <std::size_t Count>
const Name* named(const std::array<Name, Count>& names, std::string_view written) {
  const auto* const found = std::find_if(names.begin(), names.end(), [&](const Name& name) { return name.written == written; });
  return found == names.end() ? nullptr : found;
}

/// Where the `}}` of a placeholder stands; npos: nowhere. Inside quotes it is none. `at`: behind its `{{`.
std::size_t end_of_placeholder(std::string_view text, std::size_t at) {
  char quote = '\0';
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (quote) {
      if (c == '\\')
        ++at;
      else if (c == quote)
        quote = '\0';
    } else if (c == '\'' || c == '"') {
      quote = c;
    } else if (c == '}' && at + 1 < text.size() && text[at + 1] == '}') {
      return at;
    }
  }
  return text.npos;
}

/// What stands between `{{` and `}}`.
class Placeholder {
 public:
  /// `at`: bytes before `inside` in the template.
  Placeholder(std::string_view inside, std::size_t at) : inside_(inside), at_(at), lexer_(inside) {}

  Part part() {
    Token token = next();
    if (token.kind == Token::Kind::end) throw Mistake(at_, "a name is missing between {{ and }}");
    if (token.kind == Token::Kind::text) {
      Part literal{.text = token.text, .at = at_ + token.at + 1};
      if (next().kind != Token::Kind::end) fail(token_, "a text stands alone between {{ and }}");
      return literal;
    }
    if (token.kind != Token::Kind::name) fail(token, std::string(how_names_look));
    std::vector<Token> at_steps{token};
    std::vector<raw_json::Step> steps{{std::string(token.written)}};
    while ((token = next()).kind != Token::Kind::end) {
      steps.push_back(step(token));
      at_steps.push_back(token.written == "." ? token_ : token);
    }
    return resolved(std::move(steps), at_steps);
  }

 private:
  Token next() {
    try {
      return token_ = lexer_.next();
    } catch (const Mistake& e) {
      const char c = e.at() < inside_.size() ? inside_[e.at()] : '\0';
      if (c == '|') throw Mistake(at_ + e.at(), "there are no filters");
      if (c == '\'' || c == '"' || static_cast<unsigned char>(c) >= 0x80) throw Mistake(at_ + e.at(), e.what());
      throw Mistake(at_ + e.at(), std::string(how_names_look));
    }
  }

  raw_json::Step step(const Token& sign) {
    if (sign.written == ".") {
      const Token name = next();
      if (name.kind != Token::Kind::name) fail(name, "a name is missing after the point");
      return {std::string(name.written)};
    }
    if (sign.written != "[") fail(sign, std::string(how_names_look));
    const Token inside = next();
    raw_json::Step made;
    if (inside.kind == Token::Kind::text) {
      made.name = inside.text;
    } else if (inside.kind == Token::Kind::number && inside.written.size() < 10 &&
               inside.written.find_first_not_of("0123456789") == inside.written.npos) {
      made.element = std::stoul(std::string(inside.written));
      made.into_array = true;
    } else {
      fail(inside, "between [ and ] stands the number of an element, from 0, or a name in quotes");
    }
    if (const Token close = next(); close.written != "]") fail(close, "] is missing");
    return made;
  }

  // Ours come before the row's columns of the same name: `data.id` reaches the column.
  Part resolved(std::vector<raw_json::Step> steps, const std::vector<Token>& tokens) const {
    const std::size_t begin = tokens.front().at;
    Part part{.text = std::string(inside_.substr(begin, inside_.find_last_not_of(" \t\r\n") + 1 - begin)), .at = at_ + begin};
    const auto drop = [&](std::ptrdiff_t count) { steps.erase(steps.begin(), steps.begin() + count); };
    const auto alone = [&](std::size_t count, const Name& name) {
      if (steps.size() > count)
        fail(tokens[count],
             std::string(name.written) + " has no members; a column of that name is data." + std::string(name.written));
    };
    const std::string first = steps.front().name;
    part.from = From::data;
    if (first == "event" && steps.size() > 1) {
      const Name* const member = steps[1].into_array ? nullptr : named(event_names, steps[1].name);
      if (!member)
        fail(tokens[1],
             "event has id, event_type, entity_type, entity_id, data and timestamp; a column of that name is data.event");
      part.from = member->from;
      if (part.from == From::data)
        drop(2);
      else
        alone(2, *member);
    } else if (const Name* const own = named(own_names, first)) {
      part.from = own->from;
      alone(1, *own);
    } else if (first == "data" || first == "before") {
      if (first == "before") part.from = From::before;
      drop(1);
    }
    if (part.from == From::data || part.from == From::before) part.path = std::move(steps);
    return part;
  }

  [[noreturn]] void fail(const Token& token, const std::string& what) const { throw Mistake(at_ + token.at, what); }

  std::string_view inside_;
  std::size_t at_;
  ConditionLexer lexer_;
  Token token_;
};

/// Says of each name whether it lands inside quotes; and throws unless the template is JSON. Inside quotes any value is
/// text, outside it is a whole value: so one stand-in for each tells about all. `bytes`: of the template.
void check_json(std::vector<Part>& parts, std::size_t bytes) {
  std::string document;
  std::vector<std::pair<std::size_t, const Part*>> begins;  // where in the document
  bool quoted = false, escaped = false;
  for (Part& part : parts) {
    begins.emplace_back(document.size(), &part);
    if (part.from != From::text) {
      part.quoted = quoted;
      escaped = false;
      // Neither an escape nor a hexadecimal digit: after a backslash it makes no sense, as a value would not.
      document += quoted ? "x" : "null";
      continue;
    }
    document += part.text;
    for (const char c : part.text) {
      if (escaped)
        escaped = false;
      else if (c == '"')
        quoted = !quoted;
      else if (quoted && c == '\\')
        escaped = true;
    }
  }
  rapidjson::MemoryStream stream(document.data(), document.size());
  rapidjson::BaseReaderHandler<> nothing;
  rapidjson::Reader reader;
  constexpr unsigned flags =
      rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag | rapidjson::kParseValidateEncodingFlag;
  if (!reader.Parse<flags>(stream, nothing).IsError()) return;
  const std::size_t offset = std::min(reader.GetErrorOffset(), document.size());
  std::size_t at = 0;
  for (const auto& [begin, part] : begins)
    if (begin <= offset) at = part->at + (part->from == From::text ? offset - begin : 0);
  if (offset == document.size()) at = bytes;
  std::string what = rapidjson::GetParseError_En(reader.GetParseErrorCode());
  if (what.ends_with('.')) what.pop_back();
  if (offset < document.size() && static_cast<unsigned char>(document[offset]) < 0x20)
    what = "a line break or another control character inside quotes; a line break is written \\n";
  throw Mistake(at, "not JSON: " + what);
}

}  // namespace

std::vector<Part> parse_template(std::string_view text, Template::Place place) {
  if (text.size() > Template::longest)
    throw Mistake(Template::longest, "a template has at most " + std::to_string(Template::longest) + " bytes");
  if (const auto nul = text.find('\0'); nul != text.npos) throw Mistake(nul, "a NUL byte in a template");
  std::vector<Part> parts;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t open = text.find("{{", at);
    if (open != at) parts.push_back({.text = std::string(text.substr(at, open - at)), .at = at});
    if (open == text.npos) break;
    const std::size_t close = end_of_placeholder(text, open + 2);
    if (close == text.npos) throw Mistake(open, "this {{ is never closed; {{ '{{' }} stands for the two braces themselves");
    parts.push_back(Placeholder(text.substr(open + 2, close - open - 2), open + 2).part());
    at = close + 2;
  }
  if (place == Template::Place::json) check_json(parts, text.size());
  if (place == Template::Place::header || place == Template::Place::url)
    for (const Part& part : parts) {
      if (part.from != From::text) continue;
      for (std::size_t i = 0; i < part.text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(part.text[i]);
        const bool blank = byte == ' ' || byte == '\t';
        if ((byte < 0x20 && !blank) || byte == 0x7f) throw Mistake(part.at + i, "a control character");
        if (blank && place == Template::Place::url) throw Mistake(part.at + i, "a blank; in a URL it is written %20");
      }
    }
  return parts;
}

}  // namespace fraiseql
