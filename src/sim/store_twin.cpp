#include "sim/store_twin.hpp"

#include <utility>

namespace settle::sim {

store_client::store_client(store_server& server, process_hook to_process)
    : server_(server), session_(server.connect(std::move(to_process))) {}

result<void> store_client::writable() const {
  if (!server_.clients_[session_].found_full) return {};
  return error{errc::no_space, "the store is full"};
}

}  // namespace settle::sim
