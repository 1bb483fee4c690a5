#include "gateway/contract/idempotency.hpp"

#include <openssl/evp.h>

#include <algorithm>

#include "base/bytes.hpp"
#include "base/check.hpp"
#include "base/limits.hpp"

namespace settle::gateway {
namespace {

constexpr bool is_visible(char c) {
  return c > 0x20 && c < 0x7F;
}

/// Bare keys leave out what structures a field, so that a list or a parameter is not taken for one.
constexpr bool is_bare(char c) {
  return is_visible(c) && c != '"' && c != '\\' && c != ',' && c != ';';
}

/// The inside of a structured-field string. REQUIRES: value begins with a double quote.
bool parse_quoted(std::string_view value, std::string& key) {
  for (std::size_t i = 1; i < value.size(); ++i) {
    char c = value[i];
    if (c == '"') return i + 1 == value.size();
    if (c == '\\') {
      if (++i == value.size()) return false;
      c = value[i];
      if (c != '"' && c != '\\') return false;
    } else if (!is_visible(c) && c != ' ') {
      return false;
    }
    key.push_back(c);
  }
  return false;
}

std::string_view without_blanks_around(std::string_view value) {
  const std::size_t begin = value.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return value.substr(begin, value.find_last_not_of(" \t") - begin + 1);
}

}  // namespace

bool parse_idempotency_key(std::string_view value, std::string& key) {
  key.clear();
  value = without_blanks_around(value);
  if (value.empty()) return false;
  if (value.front() == '"') {
    if (!parse_quoted(value, key)) return false;
  } else {
    if (!std::all_of(value.begin(), value.end(), is_bare)) return false;
    key.assign(value);
  }
  return !key.empty() && key.size() <= limits::idempotency_key_bytes;
}

bool valid_trusted_id(std::string_view value) noexcept {
  return !value.empty() && value.size() <= limits::trusted_id_bytes;
}

struct request_hasher::state {
  // Fetched once: looking the algorithm up for every hash costs more than the hash.
  EVP_MD* algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  std::string path;
  std::string input;
};

request_hasher::request_hasher() : state_(std::make_unique<state>()) {
  CHECK(state_->algorithm != nullptr && state_->context != nullptr, "OpenSSL has no SHA-256");
}

request_hasher::~request_hasher() {
  EVP_MD_CTX_free(state_->context);
  EVP_MD_free(state_->algorithm);
}

request_id request_hasher::hash(std::string_view kind, const parsed_request& request,
                                std::string_view key) {
  state& s = *state_;
  s.path.clear();
  append_canonical_path(s.path, request);
  s.input.clear();
  byte_writer out(s.input);
  out.text(kind);
  out.text(request.method == http_method::post ? "POST" : "GET");
  out.text(s.path);
  out.text(key);
  unsigned char digest[EVP_MAX_MD_SIZE];
  const bool hashed = EVP_DigestInit_ex2(s.context, s.algorithm, nullptr) == 1 &&
                      EVP_DigestUpdate(s.context, s.input.data(), s.input.size()) == 1 &&
                      EVP_DigestFinal_ex(s.context, digest, nullptr) == 1;
  CHECK(hashed, "SHA-256 failed");
  byte_reader in({reinterpret_cast<const char*>(digest), 16});
  const std::uint64_t high = in.u64_sorted();
  return {high, in.u64_sorted()};
}

request_id request_hasher::of_client_key(const parsed_request& request, std::string_view key) {
  return hash("idempotency-key", request, key);
}

request_id request_hasher::of_trusted_id(const parsed_request& request, std::string_view id) {
  return hash("trusted-request-id", request, id);
}

}  // namespace settle::gateway
