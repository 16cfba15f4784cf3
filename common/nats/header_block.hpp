#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fraiseql::nats {

/// The headers of a block as JetStream stores it: "NATS/1.0" first, then "Name: value" lines. In order. Pure.
std::vector<std::pair<std::string, std::string>> parse_header_block(std::string_view block);

}  // namespace fraiseql::nats
