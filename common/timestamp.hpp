#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace fraiseql {

/// A moment in the form of the event: UTC, ISO 8601 with Z, a fraction of six digits or none when it is zero.
class Timestamp {
 public:
  std::string_view text() const { return {text_.data(), size_}; }
  std::int64_t microseconds() const { return microseconds_; }  ///< since 1970-01-01 UTC

 private:
  friend std::optional<Timestamp> parse_timestamp(std::string_view);
  std::array<char, 28> text_{};
  std::size_t size_ = 0;
  std::int64_t microseconds_ = 0;
};

/// From what PostgreSQL writes with DateStyle ISO and time zone UTC: "2024-01-15 10:30:00.123+00". None for infinity,
/// years before Christ and years above 9999, which ISO 8601 with four digits cannot say. Pure; no allocation.
std::optional<Timestamp> parse_timestamp(std::string_view text);

}  // namespace fraiseql
