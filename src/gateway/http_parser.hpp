// Beast's request parser, kept to what we need: it stores nothing but views of a few fields, and
// reads and ignores bodies. Included through http_reader.hpp alone: Beast is slow to compile.
#pragma once

#include <boost/beast/http/basic_parser.hpp>
#include <boost/optional.hpp>
#include <optional>
#include <string_view>

#include "gateway/http_exchange.hpp"

namespace settle::gateway {

class http_parser : public boost::beast::http::basic_parser<true> {
 public:
  using error_code = boost::beast::error_code;
  using text = boost::beast::string_view;

  /// Views in `request` point into what is put, so that must stay where it is (or see
  /// http_reader.cpp: rebase).
  http_parser(http_request& request, std::string_view trusted_header)
      : request_(request), trusted_header_(trusted_header) {
    eager(true);
    body_limit(limits::body_bytes);
    // The total is limited by the connection: this limit starts anew with every put.
    header_limit(2 * limits::header_bytes);
  }

  bool is_http_10() const noexcept { return version_ == 10; }
  bool expects_continue() const noexcept { return expects_continue_; }

  /// What the grammar allows and the rules do not. REQUIRES: is_header_done().
  std::optional<problem> check_header() const {
    const auto refuse = [](const char* why) {
      return problem{problem_code::malformed_request, why, {}};
    };
    if (folded_) return refuse("A header field is folded over several lines");
    if (hosts_ > 1 || (hosts_ == 0 && version_ == 11)) {
      return refuse("An HTTP/1.1 request has exactly one Host field");
    }
    // Anything but a final "chunked" leaves the length of the body open.
    if (has_transfer_encoding_ && (!chunked() || version_ == 10)) {
      return refuse("This Transfer-Encoding is not understood");
    }
    if (request_.method != http_method::options && request_.target == "*") {
      return refuse("The request target is not a path");
    }
    if (expects_other_) {
      return problem{problem_code::expectation_failed, "Only 100-continue can be expected", {}};
    }
    return std::nullopt;
  }

 private:
  static http_method method_of(boost::beast::http::verb method) {
    using boost::beast::http::verb;
    switch (method) {
      case verb::get:
        return http_method::get;
      case verb::head:
        return http_method::head;
      case verb::post:
        return http_method::post;
      case verb::options:
        return http_method::options;
      default:
        return http_method::other;
    }
  }

  void on_request_impl(boost::beast::http::verb verb, text, text target, int version,
                       error_code&) override {
    request_.method = method_of(verb);
    request_.target = {target.data(), target.size()};
    version_ = version;
  }

  void on_field_impl(boost::beast::http::field known, text name, text value, error_code&) override {
    using boost::beast::http::field;
    if (is_header_done()) return;  // a trailer: read and ignored like the body
    switch (known) {
      case field::host:
        ++hosts_;
        break;
      case field::transfer_encoding:
        has_transfer_encoding_ = true;
        break;
      case field::expect:
        if (is_http_10()) break;  // it has no interim answers (RFC 9110, 10.1.1)
        (boost::beast::iequals(value, "100-continue") ? expects_continue_ : expects_other_) = true;
        break;
      case field::unknown:
        on_unknown_field(name, value);
        break;
      default:
        break;
    }
    if (!trusted_header_.empty() &&
        boost::beast::iequals(name, {trusted_header_.data(), trusted_header_.size()})) {
      request_.trusted_id = {value.data(), value.size()};
      if (request_.trusted_ids < 2) ++request_.trusted_ids;
    }
    // The value of a folded field is a copy that lives no longer than this call, and whatever is
    // written over several lines is more likely an attack than a client (RFC 9112, 5.2).
    if (value.data() != nullptr && !value.empty() &&
        (value.data() < name.data() || value.data() > name.data() + limits::header_bytes)) {
      folded_ = true;
    }
  }

  void on_unknown_field(text name, text value) {
    const std::string_view view(value.data(), value.size());
    if (boost::beast::iequals(name, "idempotency-key")) {
      request_.idempotency_key = view;
      if (request_.idempotency_keys < 2) ++request_.idempotency_keys;
    } else if (boost::beast::iequals(name, "traceparent")) {
      request_.traceparent = view;
    }
  }

  void on_response_impl(int, text, int, error_code&) override {}
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(text body, error_code&) override { return body.size(); }
  void on_chunk_header_impl(std::uint64_t, text, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, text body, error_code&) override {
    return body.size();
  }
  void on_finish_impl(error_code&) override {}

  http_request& request_;
  std::string_view trusted_header_;
  int version_ = 11;
  unsigned hosts_ = 0;
  bool has_transfer_encoding_ = false;
  bool expects_continue_ = false;
  bool expects_other_ = false;
  bool folded_ = false;
};

}  // namespace settle::gateway
