#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "common/mail_address.hpp"

// Mails as RFC 5322 wants them, from texts that anybody may have written. Pure.
namespace fraiseql {

struct Mail {
  MailAddress from;
  std::vector<MailAddress> to;
  std::vector<MailAddress> reply_to;
  std::string subject, body;  ///< UTF-8, whatever is in them
  std::string event_id, observer, pk;
  std::size_t action = 1;  ///< its number
  std::chrono::system_clock::time_point now;
};

/// The message with its headers, lines ended by CR LF and not longer than 998 bytes. No value can end a header line.
/// Message-ID is made of event, observer and action: the same on every try, so that a receiver can drop a repeat.
std::string mail_message(const Mail& mail);

/// A header's text: as it is, or in encoded words when it is not plain ASCII or long.
std::string encoded_words(std::string_view text);
std::string quoted_printable(std::string_view text);

}  // namespace fraiseql
