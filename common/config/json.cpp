#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "common/config/values.hpp"

namespace fraiseql::config {
namespace {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

/// What is wrong, or an empty text.
std::string write_text(Writer& writer, const std::string& text) {
  if (!valid_utf8(text)) return "is not valid UTF-8";
  if (text.find('\0') != text.npos) return "must not contain a NUL byte";  // jsonb takes none
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
  return {};
}

std::string write(Writer& writer, const Node& node) {
  using Kind = Node::Kind;
  switch (node.kind) {
    case Kind::table:
      writer.StartObject();
      for (const auto& [name, member] : node.members) {
        writer.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
        if (auto wrong = write(writer, member); !wrong.empty()) return wrong;
      }
      writer.EndObject();
      return {};
    case Kind::array:
      writer.StartArray();
      for (const Node& item : node.items)
        if (auto wrong = write(writer, item); !wrong.empty()) return wrong;
      writer.EndArray();
      return {};
    case Kind::integer:
      writer.Int64(node.integer);
      return {};
    case Kind::boolean:
      writer.Bool(node.boolean);
      return {};
    case Kind::floating:
      if (node.text.empty()) return "JSON has neither nan nor inf";
      writer.RawValue(node.text.data(), node.text.size(), rapidjson::kNumberType);
      return {};
    case Kind::string:
    case Kind::time:
      break;
  }
  return write_text(writer, node.text);
}

}  // namespace

Result<std::string> json_of(const Node& table) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  if (auto wrong = write(writer, table); !wrong.empty()) return Error{std::move(wrong)};
  return std::string(buffer.GetString(), buffer.GetSize());
}

}  // namespace fraiseql::config
