#include "cli/transfer/place.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "adapters/redis/url.hpp"
#include "cli/waiting.hpp"

namespace settle::transfer {
namespace {

constexpr std::string_view embedded_scheme = "embedded:";
/// A commit of an import is large, and nobody waits for an answer.
constexpr std::uint64_t patience_ms = 30'000;

std::string text_of(const redis::location& where, const std::string& prefix) {
  std::string text = "Redis at ";
  for (const redis::endpoint& server : where.servers) {
    if (&server != &where.servers.front()) text += ",";
    text += server.text();
  }
  return text + ", prefix " + prefix;
}

}  // namespace

result<place> place::parse(const std::string& url, const std::string& prefix) {
  place made;
  made.embedded_ = url.starts_with(embedded_scheme);
  if (made.embedded_) {
    made.embedded_options_.directory = url.substr(embedded_scheme.size());
    made.text_ = made.embedded_options_.directory;
    if (made.text_.empty()) {
      return error{errc::invalid, "`embedded:` needs a directory, e.g. embedded:./data"};
    }
    return made;
  }
  if (!url.starts_with("redis")) {
    return error{errc::invalid, fmt::format("{}: choose embedded:DIR, redis://..., "
                                            "redis+sentinel://... or redis+cluster://...",
                                            url.substr(0, url.find(':') + 1))};
  }
  const auto where = redis::parse_url(url);
  if (!where) return where.error();
  made.redis_options_.url = url;
  made.redis_options_.prefix = prefix;
  made.redis_options_.timeout_ms = patience_ms;
  made.text_ = text_of(*where, prefix);
  return made;
}

result<void> place::open_store(opening mode) {
  if (embedded_) {
    embedded_options_.mode = mode;
    auto opened = open_embedded_store(embedded_options_);
    if (!opened) return opened.error();
    store_ = std::move(*opened);
    return {};
  }
  redis_options_.mode = mode;
  auto opened = open_redis_store(redis_options_);
  if (!opened) return opened.error();
  members_ = opened->get();
  store_ = std::move(*opened);
  return {};
}

result<scannable_store*> place::open_to_look() {
  if (auto opened = open_store(opening::existing); !opened) return opened.error();
  return store_.get();
}

result<scannable_store*> place::open_existing() {
  if (auto opened = open_store(opening::existing); !opened) return opened.error();
  if (auto unused = check_unused(); !unused) return unused.error();
  return store_.get();
}

result<scannable_store*> place::open(const std::uint16_t (&partitions)[service_count]) {
  std::copy_n(partitions, service_count, embedded_options_.partitions);
  std::copy_n(partitions, service_count, redis_options_.partitions);
  if (auto opened = open_store(opening::import); !opened) return opened.error();
  importing_ = true;
  return store_.get();
}

result<void> place::check_unused() {
  if (members_ == nullptr) return {};
  cli::waiting<roll_call> request;
  request.asking = true;
  members_->call(request);
  request.wait();
  if (!request.status) return request.status;
  if (request.members.empty()) return {};
  return error{errc::in_use,
               fmt::format("{} is in use: {} process{} of this system run. Stop them with SIGTERM "
                           "first",
                           text_, request.members.size(), request.members.size() == 1 ? "" : "es")};
}

result<void> place::finish_import(const import_positions& positions) {
  const system_description made = system();
  members_ = nullptr;
  store_.reset();
  auto finished = embedded_ ? finish_embedded_import(embedded_options_)
                            : finish_redis_import(redis_options_, made, positions);
  if (finished) importing_ = false;
  return finished;
}

std::string place::unfinished_note() const {
  if (!importing_) return {};
  if (embedded_) {
    return fmt::format(
        ". {} holds a part of it and opens for nobody: remove what is in the "
        "directory, and import again",
        text_);
  }
  return fmt::format(
      ". {} holds a part of it and opens for nobody: delete all keys that begin "
      "with '{}:', and import again",
      text_, redis_options_.prefix);
}

}  // namespace settle::transfer
