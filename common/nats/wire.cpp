#include "common/nats/wire.hpp"

#include <rapidjson/document.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <array>
#include <charconv>
#include <cstring>
#include <optional>

namespace fraiseql::nats::wire {
namespace {

template <class Number>
void append_number(std::string& out, Number value) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out.append(digits, end);
}

std::optional<std::size_t> parse_size(std::string_view text) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

// The words of a MSG or HMSG line; five at most count.
std::size_t split(std::string_view line, std::array<std::string_view, 6>& words) {
  std::size_t count = 0, at = 0;
  while (at < line.size() && count < words.size()) {
    const std::size_t begin = line.find_first_not_of(" \t", at);
    if (begin == std::string_view::npos) break;
    const std::size_t end = std::min(line.find_first_of(" \t", begin), line.size());
    words[count++] = line.substr(begin, end - begin);
    at = end;
  }
  return count;
}

// Takes the members of a PubAck as they come, without a tree: an answer per message is a lot of answers.
struct AckHandler : rapidjson::BaseReaderHandler<rapidjson::UTF8<>, AckHandler> {
  PubAck ack;
  int depth = 0;
  bool in_error = false, failed = false, has_seq = false;
  std::string_view key;
  std::string stream;

  bool StartObject() {
    if (++depth == 2) in_error = key == "error";
    failed = failed || in_error;
    return true;
  }
  bool EndObject(rapidjson::SizeType) {
    --depth;
    return true;
  }
  bool Key(const char* text, rapidjson::SizeType size, bool) {
    key = {text, size};
    // The text lives in the parser's stack only until the value comes: keep those we know as literals.
    for (const std::string_view known : {"error", "code", "err_code", "description", "stream", "seq", "duplicate"})
      if (key == known) return key = known, true;
    key = {};
    return true;
  }
  bool number(std::uint64_t value) {
    if (depth == 1 && key == "seq") ack.seq = value, has_seq = true;
    if (depth == 2 && in_error && key == "code") ack.code = static_cast<int>(value);
    if (depth == 2 && in_error && key == "err_code") ack.err_code = static_cast<int>(value);
    return true;
  }
  bool Int(int) { return true; }  // the negative ones
  bool Uint(unsigned value) { return number(value); }
  bool Int64(std::int64_t) { return true; }
  bool Uint64(std::uint64_t value) { return number(value); }
  bool Bool(bool value) {
    if (depth == 1 && key == "duplicate") ack.duplicate = value;
    return true;
  }
  bool String(const char* text, rapidjson::SizeType size, bool) {
    if (depth == 1 && key == "stream") stream.assign(text, size);
    if (depth == 2 && in_error && key == "description") ack.description.assign(text, size);
    return true;
  }
};

}  // namespace

Result<ServerInfo> parse_info(std::string_view json) {
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
  if (document.HasParseError() || !document.IsObject()) return Error{"the server's INFO is not a JSON object"};
  ServerInfo info;
  const auto boolean = [&](const char* name) {
    const auto member = document.FindMember(name);
    return member != document.MemberEnd() && member->value.IsBool() && member->value.GetBool();
  };
  const auto text = [&](const char* name) {
    const auto member = document.FindMember(name);
    return member != document.MemberEnd() && member->value.IsString() ? std::string(member->value.GetString()) : std::string();
  };
  info.headers = boolean("headers");
  info.tls_required = boolean("tls_required");
  info.version = text("version");
  const auto limit = document.FindMember("max_payload");
  if (limit != document.MemberEnd() && limit->value.IsInt64()) info.max_payload = limit->value.GetInt64();
  return info;
}

std::string connect_line(const Hello& hello) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  writer.StartObject();
  const auto flag = [&](const char* name, bool value) {
    writer.Key(name);
    writer.Bool(value);
  };
  const auto text = [&](const char* name, const std::string& value) {
    if (value.empty()) return;
    writer.Key(name);
    writer.String(value);
  };
  flag("verbose", false);
  flag("pedantic", false);
  flag("headers", true);
  flag("no_responders", true);
  flag("echo", false);
  writer.Key("protocol");
  writer.Int(1);
  text("lang", "c++");
  text("version", FRAISEQL_VERSION);
  text("name", hello.name);
  text("user", hello.user);
  text("pass", hello.password);
  text("auth_token", hello.token);
  writer.EndObject();
  return std::string("CONNECT ") + buffer.GetString() + "\r\n";
}

void append_publish_line(std::string& out, std::string_view subject, std::string_view reply, std::size_t headers, std::size_t total) {
  out += "HPUB ";
  out += subject;
  out += ' ';
  if (!reply.empty()) {
    out += reply;
    out += ' ';
  }
  append_number(out, headers);
  out += ' ';
  append_number(out, total);
  out += "\r\n";
}

void append_publish(std::string& out, std::string_view subject, std::string_view reply, std::string_view headers, std::string_view payload) {
  append_publish_line(out, subject, reply, headers.size(), headers.size() + payload.size());
  out += headers;
  out += payload;
  out += "\r\n";
}

char* Reader::space(std::size_t size) {
  if (begin_ == end_) begin_ = end_ = 0;
  if (buffer_.size() - end_ < size && begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (buffer_.size() - end_ < size) buffer_.resize(end_ + size);
  return buffer_.data() + end_;
}

Reader::Got Reader::next(Frame& frame) {
  const std::string_view have(buffer_.data() + begin_, end_ - begin_);
  const std::size_t line_end = have.find("\r\n");
  if (line_end == std::string_view::npos) return have.size() > limit_ ? Got::nonsense : Got::more;
  const std::string_view line = have.substr(0, line_end);
  const auto take = [&](Frame::Kind kind, std::string_view payload) {
    frame = {kind, {}, {}, payload};
    begin_ += line_end + 2;
    return Got::frame;
  };
  if (line == "PING") return take(Frame::Kind::ping, {});
  if (line == "PONG") return take(Frame::Kind::pong, {});
  if (line == "+OK") return take(Frame::Kind::ok, {});
  if (line.starts_with("-ERR")) return take(Frame::Kind::error, line.size() > 5 ? line.substr(5) : std::string_view("unknown"));
  if (line.starts_with("INFO ")) return take(Frame::Kind::info, line.substr(5));
  const bool with_headers = line.starts_with("HMSG ");
  if (!with_headers && !line.starts_with("MSG ")) return Got::nonsense;
  // MSG <subject> <sid> [reply] <bytes> and HMSG <subject> <sid> [reply] <header bytes> <bytes>
  std::array<std::string_view, 6> words;
  const std::size_t count = split(line.substr(with_headers ? 5 : 4), words);
  const std::size_t least = with_headers ? 4 : 3;
  if (count != least && count != least + 1) return Got::nonsense;
  const auto total = parse_size(words[count - 1]);
  const auto header = with_headers ? parse_size(words[count - 2]) : std::optional<std::size_t>(0);
  if (!total || !header || *header > *total || *total > limit_) return Got::nonsense;
  const std::size_t body = line_end + 2;
  if (have.size() < body + *total + 2) return Got::more;
  if (have.substr(body + *total, 2) != "\r\n") return Got::nonsense;
  frame = {Frame::Kind::message, words[0], have.substr(body, *header), have.substr(body + *header, *total - *header)};
  begin_ += body + *total + 2;
  return Got::frame;
}

Result<PubAck> parse_pub_ack(std::string_view payload) {
  thread_local AckHandler handler;
  handler.ack = {};
  handler.depth = 0;
  handler.in_error = handler.failed = handler.has_seq = false;
  handler.key = {};
  handler.stream.clear();
  rapidjson::MemoryStream stream(payload.data(), payload.size());
  rapidjson::Reader reader;
  if (!reader.Parse<rapidjson::kParseIterativeFlag>(stream, handler)) return Error{"an ack that is not JSON"};
  PubAck ack = std::move(handler.ack);
  // A view into the payload where that is possible keeps the usual ack free of allocations.
  const std::size_t at = payload.find(handler.stream);
  ack.stream = at == std::string_view::npos ? std::string_view() : payload.substr(at, handler.stream.size());
  if (handler.failed && ack.code == 0) ack.code = 500;
  if (!handler.failed && (handler.stream.empty() || !handler.has_seq)) return Error{"an answer that is no ack"};
  return ack;
}

}  // namespace fraiseql::nats::wire
