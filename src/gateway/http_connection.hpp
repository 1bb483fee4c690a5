// One connection, from accept to close: reads requests, has them answered, writes the answers.
// Concurrency: everything on the lane's thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>

#include "gateway/connection_lane.hpp"

namespace settle::gateway {

using connection_socket =
    boost::asio::basic_stream_socket<boost::asio::ip::tcp, boost::asio::io_context::executor_type>;

/// Serves a connection, and holds `place` until its end. Where memory runs out that is at once.
void serve_connection(std::shared_ptr<connection_lane> lane, connection_socket socket,
                      std::shared_ptr<void> place);

/// Says that there are too many connections, whatever the client says, and likewise ends.
void refuse_connection(std::shared_ptr<connection_lane> lane, connection_socket socket,
                       std::shared_ptr<void> place);

}  // namespace settle::gateway
