#include "healthd/page.hpp"

#include <openssl/sha.h>

#include <string_view>

#include "common/base64.hpp"
#include "healthd/page_files.hpp"

namespace fraiseql {
namespace {

std::string hash_of(std::string_view text) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  return "'sha256-" + to_base64({reinterpret_cast<const char*>(digest), sizeof digest}) + "'";
}

void put(std::string& html, std::string_view mark, std::string_view text) { html.replace(html.find(mark), mark.size(), text); }

Page assemble() {
  Page page;
  page.html = page_files::html;
  put(page.html, "/*style*/", page_files::css);
  put(page.html, "/*script*/", page_files::js);
  page.policy = "default-src 'none'; script-src " + hash_of(page_files::js) + "; style-src " + hash_of(page_files::css) +
                "; connect-src 'self'; img-src data:; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'; form-action 'none'; frame-ancestors 'none'";
  return page;
}

}  // namespace

const Page& page() {
  static const Page made = assemble();
  return made;
}

}  // namespace fraiseql
