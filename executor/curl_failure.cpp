#include "executor/curl_failure.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <array>

namespace fraiseql {

Failure failure_of_curl(int code, std::string_view detail) {
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return Failure::timeout;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_USE_SSL_FAILED:
      return Failure::tls;
    // A handshake that was cut off is the network's fault, one that makes no sense is the peer's.
    case CURLE_SSL_CONNECT_ERROR: {
      static constexpr std::array<std::string_view, 4> cut_off{"reset by peer", "SSL_ERROR_SYSCALL", "Broken pipe",
                                                               "unexpected eof"};
      const bool cut = std::any_of(cut_off.begin(), cut_off.end(),
                                   [&](std::string_view words) { return detail.find(words) != std::string_view::npos; });
      return cut ? Failure::network : Failure::tls;
    }
    default:
      return Failure::network;
  }
}

}  // namespace fraiseql
