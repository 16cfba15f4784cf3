#include "common/event.hpp"

#include <charconv>

#include "common/nats/wire.hpp"
#include "common/timestamp.hpp"

namespace fraiseql {
namespace {

template <class Number>
void append_number(std::string& out, Number value) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

void append_header(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  append_header_value(out, value);
  out += "\r\n";
}

// Nothing for a NULL, which the change log gives as a view of nothing.
void append_optional(std::string& out, std::string_view name, std::string_view value) {
  if (value.data()) append_header(out, name, value);
}

// At most `limit` bytes of UTF-8, without half a character at the end.
std::string_view beginning_of(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return text;
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xC0) == 0x80) --limit;
  return text.substr(0, limit);
}

}  // namespace

std::string_view to_string(Unpublishable::Reason reason) {
  switch (reason) {
    case Unpublishable::Reason::oversize: return "oversize";
    case Unpublishable::Reason::subject: return "subject";
    case Unpublishable::Reason::timestamp: return "timestamp";
    case Unpublishable::Reason::duplicate_id: break;
  }
  return "duplicate_id";
}

void append_json_string(std::string& out, std::string_view text) {
  static constexpr char hex[] = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      switch (c) {
        case '\n': out += "\\n"; break;
        case '\r': out += "\\r"; break;
        case '\t': out += "\\t"; break;
        default:
          out += "\\u00";
          out += hex[byte >> 4];
          out += hex[byte & 15];
      }
    } else {
      out += c;
    }
  }
  out += '"';
}

void append_header_value(std::string& out, std::string_view value) {
  std::size_t from = 0;
  const auto encode = [&](std::size_t at, std::string_view code) {
    out += value.substr(from, at - from);
    out += code;
    from = at + 1;
  };
  for (std::size_t i = 0; i < value.size(); ++i) {
    switch (value[i]) {
      case '\r': encode(i, "%0D"); break;
      case '\n': encode(i, "%0A"); break;
      case '\0': encode(i, "%00"); break;
      case '-':
        if (i >= 4 && value.substr(i - 4, 4) == "Nats") encode(i, "%2D");
        break;
      default: break;
    }
  }
  out += value.substr(from);
}

EventEncoder::EventEncoder(std::string prefix, std::string dlq_prefix, const std::string& source)
    : prefix_(std::move(prefix)), dlq_prefix_(std::move(dlq_prefix)), source_(source) {
  append_header(source_header_, "Fraiseql-Source: ", std::string_view(source));
}

const std::string* EventEncoder::subject_of(std::string_view entity, Operation operation) {
  const std::string key(entity);  // entities are few and short: the small string stays on the stack
  auto known = tokens_.find(key);
  if (known == tokens_.end()) {
    // A log with endless different entities must not grow this for ever.
    if (tokens_.size() >= 4096) tokens_.clear();
    const auto token = entity_token(entity);
    if (!token) return nullptr;
    known = tokens_.emplace(key, *token).first;
  }
  subject_.assign(prefix_);
  subject_ += '.';
  subject_ += known->second;
  subject_ += '.';
  subject_ += to_string(operation);
  return &subject_;
}

void EventEncoder::append_headers(const ChangeRow& row) {
  headers_ += source_header_;
  headers_ += "Fraiseql-Pk: ";
  append_number(headers_, row.pk);
  headers_ += "\r\n";
  append_optional(headers_, "Fraiseql-Seq: ", row.seq);
  append_optional(headers_, "Fraiseql-Entity-Id: ", row.entity_id);
  append_optional(headers_, "Fraiseql-Tenant-Id: ", row.tenant_id);
  append_optional(headers_, "Fraiseql-Actor-Type: ", row.actor_type);
  append_optional(headers_, "Fraiseql-Acting-For: ", row.acting_for);
  append_optional(headers_, "Fraiseql-Schema-Version: ", row.schema_version);
  append_optional(headers_, "traceparent: ", row.traceparent);
  append_optional(headers_, "tracestate: ", row.tracestate);
}

std::optional<Unpublishable> EventEncoder::append(std::string& out, const ChangeRow& row, std::string_view reply,
                                                  std::optional<std::uint64_t> expected_last_seq, const MessageLimits& limits) {
  const Operation operation = parse_operation(row.verb);
  const std::string* subject = subject_of(row.entity, operation);
  if (!subject)
    return Unpublishable{Unpublishable::Reason::subject, "entity makes a subject token over " + std::to_string(max_token_bytes) + " bytes", static_cast<std::size_t>(row.data_bytes)};
  const auto timestamp = parse_timestamp(row.created_at);
  if (!timestamp)
    return Unpublishable{Unpublishable::Reason::timestamp, "created_at " + std::string(row.created_at) + " is no ISO 8601 date of the years 1 to 9999",
                         static_cast<std::size_t>(row.data_bytes)};

  headers_.assign("NATS/1.0\r\nNats-Msg-Id: ");
  headers_ += row.id;
  headers_ += "\r\n";
  if (expected_last_seq) {
    headers_ += "Nats-Expected-Last-Sequence: ";
    append_number(headers_, *expected_last_seq);
    headers_ += "\r\n";
  }
  append_headers(row);
  if (operation == Operation::custom && row.verb != "CUSTOM") append_header(headers_, "Fraiseql-Verb: ", row.verb);
  headers_ += "\r\n";

  head_.assign("{\"event\":\"");
  head_ += to_string(operation);
  head_ += "\",\"entity\":";
  append_json_string(head_, row.entity);
  head_ += ",\"subject\":\"";
  head_ += *subject;  // letters, digits and .%_- only, after a prefix without quotes
  head_ += "\",\"timestamp\":\"";
  head_ += timestamp->text();
  head_ += "\",\"data\":";

  // A deleted row is its pre-image; what FraiseQL puts into object_data of a DELETE serves when there is none.
  const bool deleted = operation == Operation::del;
  const std::string_view data = deleted && row.before.data() ? row.before : row.data.data() ? row.data : std::string_view("null");
  const bool with_before = !deleted && row.before.data();
  static constexpr std::string_view before_name = ",\"before\":", changed_name = ",\"changed\":";
  std::size_t payload = head_.size() + data.size() + 1;
  if (with_before) payload += before_name.size() + row.before.size();
  if (row.changed.data()) payload += changed_name.size() + row.changed.size();
  if (row.oversize) payload = head_.size() + static_cast<std::size_t>(row.data_bytes) + 1;

  const std::size_t total = headers_.size() + payload;
  const auto too_large = [&](std::string_view limit, auto allowed) {
    return Unpublishable{Unpublishable::Reason::oversize,
                         std::to_string(total) + " bytes of headers and payload, " + std::string(limit) + " is " + std::to_string(allowed), total};
  };
  if (total > limits.max_payload || row.oversize) return too_large("max_payload", limits.max_payload);
  if (limits.max_msg_size >= 0 && total > static_cast<std::size_t>(limits.max_msg_size)) return too_large("the stream's max_msg_size", limits.max_msg_size);
  if (headers_.size() > MessageLimits::max_headers)
    return Unpublishable{Unpublishable::Reason::oversize,
                         std::to_string(headers_.size()) + " bytes of headers, the server takes " + std::to_string(MessageLimits::max_headers), total};

  nats::wire::append_publish_line(out, *subject, reply, headers_.size(), total);
  out += headers_;
  out += head_;
  out += data;
  if (with_before) {
    out += before_name;
    out += row.before;
  }
  if (row.changed.data()) {
    out += changed_name;
    out += row.changed;
  }
  out += "}\r\n";
  return std::nullopt;
}

void EventEncoder::append_letter(std::string& out, const ChangeRow& row, std::string_view reply, const Unpublishable& why, std::string_view failed_at) {
  std::string subject = dlq_prefix_ + "." + entity_token(row.entity).value_or("_") + ".";
  subject += to_string(parse_operation(row.verb));
  headers_.assign("NATS/1.0\r\nNats-Msg-Id: dlq:");
  append_header_value(headers_, source_);
  headers_ += ':';
  append_number(headers_, row.pk);
  headers_ += "\r\n";
  append_header(headers_, "Fraiseql-Dlq-Reason: ", std::string_view("unpublishable"));
  append_header(headers_, "Fraiseql-Dlq-Error: ", why.what);
  append_header(headers_, "Fraiseql-Dlq-Failed-At: ", failed_at);
  append_header(headers_, "Fraiseql-Event-Id: ", row.id);
  const std::size_t fixed = headers_.size();
  append_headers(row);
  // What made the row unpublishable may be its headers: the letter then goes without them.
  if (headers_.size() > MessageLimits::max_headers / 2) {
    headers_.resize(fixed);
    headers_ += source_header_;
    append_header(headers_, "Fraiseql-Pk: ", std::string_view(std::to_string(row.pk)));
  }
  headers_ += "\r\n";
  head_.assign("{\"pk\":");
  append_number(head_, row.pk);
  head_ += ",\"id\":";
  append_json_string(head_, row.id);
  head_ += ",\"entity\":";
  append_json_string(head_, beginning_of(row.entity, 4096));
  head_ += ",\"bytes\":";
  append_number(head_, why.bytes);
  head_ += '}';
  nats::wire::append_publish_line(out, subject, reply, headers_.size(), headers_.size() + head_.size());
  out += headers_;
  out += head_;
  out += "\r\n";
}

}  // namespace fraiseql
