#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tests/support/child.hpp"

namespace fraiseql::test {

/// A real mail server (python3-aiosmtpd) on a free port of 127.0.0.1 that keeps what it receives. What it answers depends on
/// the receiver's local part: `no` 550, `later` 451 the first time, `later-always` 451 always, `full` 552 after the text,
/// `stall` no answer for a minute; any other is taken.
class SmtpServer {
 public:
  struct Options {
    enum class Tls { none, starttls, tls } tls = Tls::none;
    std::string user, password;  ///< empty: none asked for
  };
  SmtpServer();
  explicit SmtpServer(Options options);

  int port() const { return port_; }
  std::string ca_file() const { return (directory_ / "cert.pem").string(); }  ///< made by this object, trusted by nobody else
  void start();  ///< again, same port
  void kill();

  struct Mail {
    std::string from;
    std::vector<std::string> to;  ///< of the envelope
    std::string subject, header_to, reply_to, message_id, event_id, auto_submitted, pk, body;  ///< as Python's parser reads them
    std::string raw;
    bool encrypted;
    std::string user;  ///< who authenticated
  };
  std::vector<Mail> mails() const;  ///< in order of arrival
  std::size_t connections() const;  ///< made so far

 private:
  TempDir directory_;
  Options options_;
  int port_;
  std::optional<Child> child_;
};

}  // namespace fraiseql::test
