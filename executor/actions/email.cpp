#include <curl/curl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include "common/errors.hpp"
#include "common/text.hpp"
#include "executor/actions/compile.hpp"
#include "executor/actions/kinds.hpp"
#include "executor/actions/mail_message.hpp"
#include "executor/actions/recipients.hpp"
#include "executor/actions/running.hpp"
#include "executor/curl_failure.hpp"

namespace fraiseql {
namespace {

using namespace std::chrono_literals;

constexpr auto connect_limit = 10s;
constexpr auto check_limit = 10s;
constexpr auto slack = 1s;         // for the thread to tell what libcurl's own deadline came to
constexpr long idle_seconds = 60;  // a kept connection older than this is not used again

/// All that a thread needs to reach the mail server. Immutable, shared by the tries that use it.
struct MailServer {
  ActionSettings::Email email;
  std::string url;
  std::string ca_file;  // empty: the system's
};

struct Envelope {
  std::string from;
  std::vector<std::string> to;
  std::string text;
  std::size_t sent = 0;
};

/// The server's last word.
struct Reply {
  int code = 0;  // 0: none yet
  std::string line;
};

std::string printable(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return one_line(std::move(text));
}

std::size_t give_text(char* buffer, std::size_t, std::size_t room, void* self) {
  auto* mail = static_cast<Envelope*>(self);
  const std::size_t size = std::min(room, mail->text.size() - mail->sent);
  std::memcpy(buffer, mail->text.data() + mail->sent, size);
  mail->sent += size;
  return size;
}

std::size_t take_reply(char* data, std::size_t, std::size_t size, void* self) {
  auto* reply = static_cast<Reply*>(self);
  // libcurl says QUIT when a mail was refused, and this is the answer to that.
  if (std::string_view(data, size).starts_with("221")) return size;
  reply->line.assign(data, std::min<std::size_t>(size, 300));
  reply->code = std::atoi(reply->line.substr(0, 3).c_str());
  return size;
}

std::size_t drop_body(char*, std::size_t, std::size_t size, void*) { return size; }

int ask_to_go_on(void* token, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const std::stop_token*>(token)->stop_requested() ? 1 : 0;
}

/// One thread's connection to the mail server, kept between mails.
class Mailer {
 public:
  explicit Mailer(std::shared_ptr<const MailServer> server) : server_(std::move(server)), easy_(curl_easy_init()) {
    if (!easy_) throw std::runtime_error("libcurl: out of memory");
  }
  ~Mailer() {
    // libcurl says QUIT and waits two minutes for the answer of a server that hangs: it shall read the end at once.
    curl_socket_t socket = CURL_SOCKET_BAD;
    if (curl_easy_getinfo(easy_, CURLINFO_ACTIVESOCKET, &socket) == CURLE_OK && socket != CURL_SOCKET_BAD)
      shutdown(socket, SHUT_RD);
    curl_easy_cleanup(easy_);
  }
  Mailer(const Mailer&) = delete;
  Mailer& operator=(const Mailer&) = delete;

  const std::shared_ptr<const MailServer>& server() const { return server_; }

  Outcome send(Envelope& mail, std::chrono::milliseconds limit, const std::stop_token& token) {
    curl_slist* to = nullptr;
    for (const auto& address : mail.to) to = curl_slist_append(to, ("<" + address + ">").c_str());
    const std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> owned(to, &curl_slist_free_all);
    const std::string from = "<" + mail.from + ">";
    const auto prepare = [&] {
      mail.sent = 0;
      common(limit, token);
      curl_easy_setopt(easy_, CURLOPT_MAIL_FROM, from.c_str());
      curl_easy_setopt(easy_, CURLOPT_MAIL_RCPT, to);
      curl_easy_setopt(easy_, CURLOPT_UPLOAD, 1L);
      curl_easy_setopt(easy_, CURLOPT_READFUNCTION, give_text);
      curl_easy_setopt(easy_, CURLOPT_READDATA, &mail);
      curl_easy_setopt(easy_, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(mail.text.size()));
    };
    prepare();
    CURLcode code = curl_easy_perform(easy_);
    long connects = 0;
    curl_easy_getinfo(easy_, CURLINFO_NUM_CONNECTS, &connects);
    if (code != CURLE_OK && connects == 0 && reply_.code == 0 && failure_of_curl(code, error_) == Failure::network) {
      // The kept connection was dead, and the server has said nothing to this mail.
      prepare();
      curl_easy_setopt(easy_, CURLOPT_FRESH_CONNECT, 1L);
      code = curl_easy_perform(easy_);
    }
    return outcome_of(code);
  }

  /// Connects, encrypts and authenticates as for a mail.
  Outcome greet() {
    common(check_limit, {});
    curl_easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, "NOOP");
    return outcome_of(curl_easy_perform(easy_));
  }

 private:
  void common(std::chrono::milliseconds limit, const std::stop_token& token) {
    const ActionSettings::Email& email = server_->email;
    using Tls = ActionSettings::Email::Tls;
    token_ = token;
    reply_ = {};
    error_[0] = '\0';
    curl_easy_reset(easy_);  // keeps the connection
    curl_easy_setopt(easy_, CURLOPT_URL, server_->url.c_str());
    curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy_, CURLOPT_PROXY, "");
    curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, error_);
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
#else
    curl_easy_setopt(easy_, CURLOPT_PROTOCOLS, CURLPROTO_SMTP | CURLPROTO_SMTPS);
#endif
    curl_easy_setopt(easy_, CURLOPT_USE_SSL, static_cast<long>(email.tls == Tls::none ? CURLUSESSL_NONE : CURLUSESSL_ALL));
    if (!server_->ca_file.empty()) curl_easy_setopt(easy_, CURLOPT_CAINFO, server_->ca_file.c_str());
    if (!email.username.empty()) {
      curl_easy_setopt(easy_, CURLOPT_USERNAME, email.username.c_str());
      curl_easy_setopt(easy_, CURLOPT_PASSWORD, email.password.c_str());
    }
    curl_easy_setopt(easy_, CURLOPT_MAXCONNECTS, 1L);
    curl_easy_setopt(easy_, CURLOPT_MAXAGE_CONN, idle_seconds);
    curl_easy_setopt(easy_, CURLOPT_TIMEOUT_MS, static_cast<long>(limit.count()));
    curl_easy_setopt(easy_, CURLOPT_CONNECTTIMEOUT_MS,
                     static_cast<long>(std::min<std::chrono::milliseconds>(limit, connect_limit).count()));
    curl_easy_setopt(easy_, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(easy_, CURLOPT_XFERINFOFUNCTION, ask_to_go_on);
    curl_easy_setopt(easy_, CURLOPT_XFERINFODATA, &token_);
    curl_easy_setopt(easy_, CURLOPT_HEADERFUNCTION, take_reply);
    curl_easy_setopt(easy_, CURLOPT_HEADERDATA, &reply_);
    curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, drop_body);
  }

  Outcome outcome_of(CURLcode code) const {
    if (code == CURLE_OK) return {};
    const std::string own = printable(error_[0] ? error_ : curl_easy_strerror(code));
    const Failure failure = failure_of_curl(code, error_);
    if (failure == Failure::timeout) return {Failure::timeout, 0, own, {}};
    const std::string said = "SMTP " + printable(reply_.line);
    if (reply_.code >= 400 && reply_.code < 500) return {Failure::smtp, 0, said, {}};
    if (failure == Failure::tls) return {Failure::tls, 0, own, {}};
    if (reply_.code >= 500) return {Failure::smtp, 0, said, {}, true};
    if (code == CURLE_LOGIN_DENIED) return {Failure::smtp, 0, own, {}, true};
    return {failure, 0, own, {}};
  }

  std::shared_ptr<const MailServer> server_;
  CURL* easy_;
  std::stop_token token_;
  Reply reply_;
  char error_[CURL_ERROR_SIZE] = "";
};

bool same(const MailServer& a, const MailServer& b) {
  return a.url == b.url && a.ca_file == b.ca_file && a.email.username == b.email.username &&
         a.email.password == b.email.password && a.email.tls == b.email.tls;
}

Outcome send_mail(const std::shared_ptr<const MailServer>& server, Envelope mail, std::chrono::milliseconds limit,
                  const std::stop_token& token) {
  thread_local std::unique_ptr<Mailer> kept;
  if (!kept || !same(*kept->server(), *server)) kept = std::make_unique<Mailer>(server);
  return kept->send(mail, limit, token);
}

class EmailAction : public Action {
 public:
  EmailAction(const ActionConfig& config, std::shared_ptr<const MailServer> server, MailAddress from,
              std::vector<MailAddress> reply_to)
      : server_(std::move(server)),
        host_("smtp " + server_->email.host + ":" + std::to_string(server_->email.port)),
        timeout_(config.timeout),
        from_(std::move(from)),
        reply_to_(std::move(reply_to)),
        to_(config.to),
        subject_(compile(config.subject, "subject", Template::Place::text)),
        body_(compile(config.body_template, "body_template", Template::Place::text)),
        has_body_(config.body_template.set()) {}

  const std::string& host() const override { return host_; }

  std::unique_ptr<Running> start(const Try& attempt, const ActionTools& tools, Done done) const override {
    auto to = to_.of(attempt);
    if (!to) return run_nothing(tools.loop, {Failure::unusable_template, 0, "to: " + to.error().what, {}, true}, std::move(done));
    Envelope mail;
    mail.from = from_.address;
    for (const MailAddress& one : to.value()) mail.to.push_back(one.address);
    mail.text =
        mail_message({from_, to.value(), reply_to_, fill(subject_, "subject", attempt), body(attempt), attempt.event.id,
                      attempt.observer, std::string(attempt.event.message.header("Fraiseql-Pk")), attempt.number, attempt.now});
    return run_blocking(tools,
                        {host_, timeout_ + slack,
                         [server = server_, mail = std::move(mail), limit = timeout_](const std::stop_token& token) {
                           return send_mail(server, mail, limit, token);
                         }},
                        std::move(done));
  }

  std::string preview(const Try& attempt) const override {
    return preview_of(
        [&] { return "email by " + host_ + " to " + to_.preview(attempt) + ": " + fill(subject_, "subject", attempt); });
  }

  std::string complaint() const override {
    const Outcome outcome = Mailer(server_).greet();
    return outcome.succeeded() ? "" : host_ + ": " + outcome.why;
  }

 private:
  std::string body(const Try& attempt) const {
    return has_body_ ? fill(body_, "body_template", attempt) : attempt.event.message.payload;
  }

  std::shared_ptr<const MailServer> server_;
  std::string host_;
  std::chrono::milliseconds timeout_;
  MailAddress from_;
  std::vector<MailAddress> reply_to_;
  Recipients to_;
  Template subject_, body_;
  bool has_body_;
};

MailServer server_of(const ActionSettings::Email& email) {
  using Tls = ActionSettings::Email::Tls;
  MailServer server;
  server.email = email;
  const std::string host = email.host.find(':') == std::string::npos ? email.host : "[" + email.host + "]";
  server.url = (email.tls == Tls::tls ? "smtps://" : "smtp://") + host + ":" + std::to_string(email.port);
  // libcurl asks only its own built-in path; this is how OpenSSL, curl and others are told of a private authority.
  if (const char* file = std::getenv("SSL_CERT_FILE"); file && *file) server.ca_file = file;
  return server;
}

}  // namespace

std::unique_ptr<const Action> make_email(const ActionConfig& config, const ActionSettings& settings) {
  const auto wrong = [&](const Placed& place, const char* key, const std::string& why) {
    return ConfigError((place.set() ? place.origin : config.origin) + ": observers.actions." + key + ": " + why);
  };
  if (settings.email.host.empty())
    throw wrong({}, "type", "email needs a table [email] with the mail server: host, port, from, ...");
  if (!config.to.set()) throw wrong({}, "to", "a mail needs to or to_template");
  auto from = parse_addresses(settings.email.from);
  if (!from || from.value().size() != 1)
    throw ConfigError("email.from: " + (from ? "one mail address, not several" : from.error().what));
  std::vector<MailAddress> reply_to;
  if (!config.reply_to.empty()) {
    auto parsed = parse_addresses(config.reply_to);
    if (!parsed) throw wrong({}, "reply_to", parsed.error().what);
    reply_to = std::move(parsed).value();
  }
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) throw std::runtime_error("libcurl does not start");
  auto server = std::make_shared<const MailServer>(server_of(settings.email));
  return std::make_unique<EmailAction>(config, std::move(server), from.value().front(), std::move(reply_to));
}

}  // namespace fraiseql
