#include "executor/outcome.hpp"

#include <array>
#include <utility>

namespace fraiseql {
namespace {

constexpr std::array<std::pair<Failure, std::string_view>, 16> names{{
    {Failure::none, ""},
    {Failure::network, "network"},
    {Failure::timeout, "timeout"},
    {Failure::tls, "tls"},
    {Failure::refused_address, "refused_address"},
    {Failure::circuit_open, "circuit_open"},
    {Failure::http_3xx, "http_3xx"},
    {Failure::http_4xx, "http_4xx"},
    {Failure::http_410, "http_410"},
    {Failure::http_429, "http_429"},
    {Failure::http_5xx, "http_5xx"},
    {Failure::unusable_template, "template"},
    {Failure::smtp, "smtp"},
    {Failure::database, "database"},
    {Failure::undecodable, "undecodable"},
    {Failure::max_deliveries, "max_deliveries"},
}};

}  // namespace

std::string_view label(Failure failure) {
  for (const auto& [value, name] : names)
    if (value == failure) return name;
  return "";
}

std::optional<Failure> failure_named(std::string_view name) {
  for (const auto& [value, text] : names)
    if (text == name) return value;
  return std::nullopt;
}

Failure failure_of_status(int status) {
  if (status >= 200 && status < 300) return Failure::none;
  if (status >= 300 && status < 400) return Failure::http_3xx;
  if (status == 410) return Failure::http_410;
  if (status == 429) return Failure::http_429;
  if (status >= 400 && status < 500) return Failure::http_4xx;
  if (status >= 500 && status < 600) return Failure::http_5xx;
  return Failure::network;
}

}  // namespace fraiseql
