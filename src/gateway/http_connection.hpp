// One connection, from accept to close: reads requests, has them answered, writes the answers.
// Concurrency: everything on the lane's thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>

#include "gateway/connection_lane.hpp"

namespace settle::gateway {

using connection_socket =
    boost::asio::basic_stream_socket<boost::asio::ip::tcp, boost::asio::io_context::executor_type>;

/// Serves a connection to its end, then calls `on_end`; not if it throws std::bad_alloc.
void serve_connection(std::shared_ptr<connection_lane> lane, connection_socket socket,
                      std::function<void()> on_end);
/// The same for one beyond those that there may be: tells it so, and reads nothing of it.
void refuse_connection(std::shared_ptr<connection_lane> lane, connection_socket socket,
                       std::function<void()> on_end);

}  // namespace settle::gateway
