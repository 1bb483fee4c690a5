#include "servers.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace settle::contract {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  if (value != nullptr) return value;
  std::fprintf(stderr,
               "%s is not set: start this program by tests/servers/run.py DEPLOYMENT -- ...\n",
               name);
  std::exit(2);
}

}  // namespace

std::string cluster_url(const std::string& more) {
  const std::string url = variable("SETTLE_TEST_URL");
  if (more.empty()) return url;
  return url + (url.find('?') == url.npos ? '?' : '&') + more;
}

std::string control(const std::string& line) {
  const std::string path = variable("SETTLE_TEST_CONTROL");
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  std::string answer;
  if (::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      ::write(descriptor, (line + "\n").data(), line.size() + 1) ==
          static_cast<ssize_t>(line.size() + 1)) {
    char byte = 0;
    while (::read(descriptor, &byte, 1) == 1 && byte != '\n') answer += byte;
  }
  ::close(descriptor);
  if (!answer.starts_with("ok")) ADD_FAILURE() << line << ": " << answer;
  return answer.size() > 3 ? answer.substr(3) : "";
}

std::string fresh_prefix() {
  static int used = 0;
  return "test-" + std::to_string(::getpid()) + "-" + std::to_string(++used) + ".";
}

}  // namespace settle::contract
