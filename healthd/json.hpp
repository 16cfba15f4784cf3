#pragma once

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cmath>
#include <optional>
#include <string>

namespace fraiseql::json {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

inline void text(Writer& json, const char* name, const std::string& value) {
  json.Key(name);
  json.String(value.c_str(), static_cast<rapidjson::SizeType>(value.size()));
}

/// Whole numbers without a fraction.
inline void number_or_null(Writer& json, std::optional<double> value) {
  if (!value) json.Null();
  else if (*value == std::floor(*value) && std::abs(*value) < 1e15) json.Int64(static_cast<std::int64_t>(*value));
  else json.Double(*value);
}

inline void number_or_null(Writer& json, const char* name, std::optional<double> value) {
  json.Key(name);
  number_or_null(json, value);
}

inline std::string written(const rapidjson::StringBuffer& buffer) { return std::string(buffer.GetString(), buffer.GetSize()) + "\n"; }

}  // namespace fraiseql::json
