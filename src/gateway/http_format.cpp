#include "gateway/http_format.hpp"

#include "gateway/contract/json_text.hpp"

namespace settle::gateway {
namespace {

std::string_view status_line(std::uint16_t status) {
  switch (status) {
    case 200:
      return "HTTP/1.1 200 OK\r\n";
    case 400:
      return "HTTP/1.1 400 Bad Request\r\n";
    case 403:
      return "HTTP/1.1 403 Forbidden\r\n";
    case 404:
      return "HTTP/1.1 404 Not Found\r\n";
    case 405:
      return "HTTP/1.1 405 Method Not Allowed\r\n";
    case 408:
      return "HTTP/1.1 408 Request Timeout\r\n";
    case 413:
      return "HTTP/1.1 413 Content Too Large\r\n";
    case 414:
      return "HTTP/1.1 414 URI Too Long\r\n";
    case 417:
      return "HTTP/1.1 417 Expectation Failed\r\n";
    case 429:
      return "HTTP/1.1 429 Too Many Requests\r\n";
    case 431:
      return "HTTP/1.1 431 Request Header Fields Too Large\r\n";
    case 503:
      return "HTTP/1.1 503 Service Unavailable\r\n";
    case 505:
      return "HTTP/1.1 505 HTTP Version Not Supported\r\n";
    default:
      return "HTTP/1.1 500 Internal Server Error\r\n";
  }
}

}  // namespace

void append_response(std::string& out, const http_response& response, std::string_view date,
                     persistence after, bool with_body) {
  out.append(status_line(response.status)).append(date);
  out.append("Content-Type: ").append(response.content_type);
  out.append("\r\nContent-Length: ");
  append_number(out, response.body.size());
  if (!response.allow.empty()) out.append("\r\nAllow: ").append(response.allow);
  if (response.retry_after_s > 0) {
    out.append("\r\nRetry-After: ");
    append_number(out, response.retry_after_s);
  }
  if (after == persistence::close) out.append("\r\nConnection: close");
  if (after == persistence::keep_said) out.append("\r\nConnection: keep-alive");
  out.append("\r\n\r\n");
  if (with_body) out.append(response.body);
}

}  // namespace settle::gateway
