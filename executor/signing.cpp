#include "executor/signing.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <memory>
#include <optional>
#include <stdexcept>

#include "common/base64.hpp"
#include "common/errors.hpp"

namespace fraiseql {
namespace {

constexpr std::string_view base64_mark = "whsec_";

/// HMAC-SHA256 of several pieces, as if they were one: a body of megabytes is not copied.
class Hmac {
 public:
  explicit Hmac(const std::string& key) : context_(EVP_MD_CTX_new()) {
    key_.reset(
        EVP_PKEY_new_raw_private_key(EVP_PKEY_HMAC, nullptr, reinterpret_cast<const unsigned char*>(key.data()), key.size()));
    if (!context_ || !key_ || EVP_DigestSignInit(context_.get(), nullptr, EVP_sha256(), nullptr, key_.get()) != 1)
      throw std::runtime_error("OpenSSL has no HMAC-SHA256");
  }
  Hmac& add(std::string_view bytes) {
    if (EVP_DigestSignUpdate(context_.get(), bytes.data(), bytes.size()) != 1) throw std::runtime_error("OpenSSL cannot sign");
    return *this;
  }
  std::string bytes() {
    std::string made(32, '\0');
    std::size_t size = made.size();
    if (EVP_DigestSignFinal(context_.get(), reinterpret_cast<unsigned char*>(made.data()), &size) != 1 || size != made.size())
      throw std::runtime_error("OpenSSL cannot sign");
    return made;
  }

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context_;
  std::unique_ptr<EVP_PKEY, Free> key_;
};

}  // namespace

Signer::Signer(const std::vector<std::string>& secrets) {
  for (const std::string& secret : secrets) {
    const std::string which = secrets.size() == 1 ? "the secret" : "secret " + std::to_string(keys_.size() + 1);
    if (secret.empty()) throw ConfigError(which + " is empty");
    if (!secret.starts_with(base64_mark)) {
      keys_.push_back(secret);
      continue;
    }
    auto key = from_base64(std::string_view(secret).substr(base64_mark.size()));
    if (!key || key->empty()) throw ConfigError("what follows whsec_ in " + which + " is not base64");
    keys_.push_back(std::move(*key));
  }
  if (keys_.empty()) throw ConfigError("there is no secret");
}

std::string Signer::standard(std::string_view id, std::int64_t unix_seconds, std::string_view body) const {
  std::string all;
  for (const std::string& key : keys_) {
    const std::string mac = Hmac(key).add(id).add(".").add(std::to_string(unix_seconds)).add(".").add(body).bytes();
    all += (all.empty() ? "v1," : " v1,") + to_base64(mac);
  }
  return all;
}

std::string Signer::fraiseql(std::int64_t unix_seconds, std::string_view body) const {
  static constexpr char hex[] = "0123456789abcdef";
  const std::string time = std::to_string(unix_seconds);
  std::string text = "t=" + time + ",v1=";
  for (const char c : Hmac(keys_.front()).add(time).add(".").add(body).bytes()) {
    const auto byte = static_cast<unsigned char>(c);
    text += hex[byte >> 4];
    text += hex[byte & 15];
  }
  return text;
}

}  // namespace fraiseql
