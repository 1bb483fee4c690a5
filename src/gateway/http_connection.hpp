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

/// Serves a connection to its end, then calls `on_end`.
void serve_connection(std::shared_ptr<connection_lane> lane, connection_socket socket,
                      std::function<void()> on_end);

}  // namespace settle::gateway
