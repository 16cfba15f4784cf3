#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What single values may look like. Each check returns what is wrong, or an empty text; none of them repeats the value,
/// for it may hold a secret. Pure, and the same in every locale.
namespace fraiseql::config {

std::string stream_name(const std::string& value);
std::string consumer_name(const std::string& value);
std::string subject_prefix(const std::string& value);
std::string nats_urls(const std::string& value);
std::string replica_count(const std::string& value);
std::string host_and_port(const std::string& value);
std::string status_endpoints(const std::string& value);
std::string network(const std::string& value);
std::string printable(const std::string& value);
std::string postgres_url(const std::string& value);
std::string webhook_url(const std::string& value);
std::string redis_url(const std::string& value);
std::string host_name(const std::string& value);
std::string http_method(const std::string& value);

/// A tcp:// endpoint that other machines can see, in a list that `status_endpoints` has passed.
bool leaves_loopback(const std::string& endpoints);
/// A host name or address that is this machine's own.
bool is_loopback(const std::string& host);
/// Whether one subject prefix is the other, or a beginning of it by whole tokens.
bool subjects_overlap(const std::string& one, const std::string& other);

/// Elements of a comma separated list, without blanks around them. An empty text: one empty element.
std::vector<std::string> split_list(std::string_view text);
/// A whole decimal number, or nothing. Says apart what is too large: `overflow`.
std::optional<std::int64_t> parse_integer(std::string_view text, bool& overflow);
/// Milliseconds of `500ms`, `30s`, `2m`, `1h`.
std::optional<std::int64_t> parse_duration(std::string_view text);

}  // namespace fraiseql::config
