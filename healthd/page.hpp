#pragma once

#include <string>

namespace fraiseql {

struct Page {
  std::string html;
  /// Content-Security-Policy: its own style and script by their hashes, its own server, nothing else, and no text that becomes
  /// HTML.
  std::string policy;
};

/// The live page, one file that needs no other.
const Page& page();

}  // namespace fraiseql
