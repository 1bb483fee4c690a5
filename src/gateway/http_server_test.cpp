// Abuse and rare parts of HTTP/1.1, over a real socket.
#include "gateway/http_server.hpp"

#include "gateway/gateway_fixture.hpp"

namespace settle::gateway {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view livez = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";

class http_server_test : public gateway_fixture {
 protected:
  http_answer ask(std::string_view bytes) { return http_client(port()).say(bytes).read(); }

  /// The answer is `status`, and the connection ends.
  void expect_refused(const std::string& bytes, int status) {
    http_client client(port());
    const http_answer got = client.say(bytes).read();
    EXPECT_EQ(got.status, status) << bytes.substr(0, 80) << " -> " << got.body;
    EXPECT_TRUE(got.closes()) << bytes.substr(0, 80);
    EXPECT_EQ(got.header.at("Content-Type"), "application/problem+json");
    EXPECT_TRUE(client.at_end()) << bytes.substr(0, 80);
  }
};

TEST_F(http_server_test, keep_alive_answers_one_after_the_other) {
  start();
  http_client client(port());
  for (int i = 0; i < 3; ++i) {
    const http_answer got = client.say(livez).read();
    EXPECT_EQ(got.status, 200);
    EXPECT_EQ(got.body, "ok");
    EXPECT_EQ(got.header.at("Content-Type"), "text/plain");
    EXPECT_EQ(got.header.at("Date").size(), 29U);
    EXPECT_FALSE(got.closes());
  }
}

TEST_F(http_server_test, pipelined_requests_are_answered_in_order) {
  shop.delay = 2ms;
  start();
  std::string all;
  for (int i = 0; i < 500; ++i) {
    all.append(i % 50 == 7  ? "POST /orders/checkout/7 HTTP/1.1\r\nHost: x\r\n\r\n"
               : i % 3 == 0 ? "GET /nope HTTP/1.1\r\nHost: x\r\n\r\n"
                            : livez);
  }
  http_client client(port());
  client.say(all);
  for (int i = 0; i < 500; ++i) {
    const http_answer got = client.read();
    EXPECT_EQ(got.status, i % 50 != 7 && i % 3 == 0 ? 404 : 200) << i;
    EXPECT_EQ(got.body == "Checkout successful", i % 50 == 7) << i;
  }
}

TEST_F(http_server_test, requests_that_drip_in_byte_by_byte_are_served) {
  start();
  http_client client(port());
  for (int round = 0; round < 2; ++round) {
    for (const char c : std::string("POST /orders/checkout/7 HTTP/1.1\r\nHost: x\r\n"
                                    "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n")) {
      client.say({&c, 1});
      std::this_thread::sleep_for(100us);
    }
    EXPECT_EQ(client.read().body, "Checkout successful");
  }
}

TEST_F(http_server_test, http_1_0_closes_unless_asked_to_stay) {
  start();
  http_client leaving(port());
  const http_answer last = leaving.say("GET /livez HTTP/1.0\r\n\r\n").read();
  EXPECT_EQ(last.body, "ok");
  EXPECT_TRUE(last.closes());
  EXPECT_TRUE(leaving.at_end());
  http_client staying(port());
  for (int i = 0; i < 2; ++i) {
    const auto got = staying.say("GET /livez HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").read();
    EXPECT_EQ(got.body, "ok");
    EXPECT_EQ(got.header.at("Connection"), "keep-alive");
  }
  http_client closing(port());
  EXPECT_TRUE(
      closing.say("GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").read().closes());
  EXPECT_TRUE(closing.at_end());
}

TEST_F(http_server_test, head_tells_the_length_and_no_body) {
  start();
  http_client client(port());
  const auto got = client.say("HEAD /livez HTTP/1.1\r\nHost: x\r\n\r\n").read(false);
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.header.at("Content-Length"), "2");
  EXPECT_EQ(client.say("HEAD /nope HTTP/1.1\r\nHost: x\r\n\r\n").read(false).status, 404);
  EXPECT_EQ(client.say(livez).read().body, "ok");
}

TEST_F(http_server_test, expect_continue_is_answered_before_the_body) {
  start();
  http_client client(port());
  client.say(
      "POST /orders/checkout/7 HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
      "Content-Length: 3\r\n\r\n");
  EXPECT_EQ(client.read().status, 100);
  EXPECT_EQ(client.say("abc").read().body, "Checkout successful");
  client.say(
      "POST /orders/checkout/7 HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
      "Content-Length: 3\r\n\r\nabc");
  EXPECT_EQ(client.read().status, 200);
  expect_refused(
      "POST /orders/checkout/7 HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
      "Content-Length: 65537\r\n\r\n",
      413);
  expect_refused("POST /x HTTP/1.1\r\nHost: x\r\nExpect: magic\r\nContent-Length: 3\r\n\r\n", 417);
}

TEST_F(http_server_test, bodies_are_read_and_ignored) {
  start();
  http_client client(port());
  const std::string body(limits::body_bytes, 'b');
  client.say("POST /orders/checkout/7 HTTP/1.1\r\nHost: x\r\nContent-Length: 65536\r\n\r\n" + body);
  EXPECT_EQ(client.read().body, "Checkout successful");
  client.say("POST /orders/checkout/8 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 16; ++i) client.say("1000;name=value\r\n" + std::string(4'096, 'c') + "\r\n");
  client.say("0\r\nTrailer: x\r\nHost: y\r\n\r\n").say(livez);
  EXPECT_EQ(client.read().body, "Checkout successful");
  EXPECT_EQ(client.read().body, "ok");
  stop();
  ASSERT_EQ(shop.commands.size(), 2U);
  EXPECT_EQ(std::get<body::checkout>(shop.commands[0].body).order.view(), "7");
  EXPECT_EQ(std::get<body::checkout>(shop.commands[1].body).order.view(), "8");
}

TEST_F(http_server_test, what_is_too_long_is_refused) {
  start();
  const std::string post = "POST /orders/checkout/7 HTTP/1.1\r\nHost: x\r\n";
  expect_refused(post + "Content-Length: 65537\r\n\r\n", 413);
  expect_refused(post + "Transfer-Encoding: chunked\r\n\r\n10001\r\n" + std::string(65'537, 'x'),
                 413);
  std::string chunks;
  for (int i = 0; i < 17; ++i) chunks.append("1000\r\n" + std::string(4'096, 'c') + "\r\n");
  expect_refused(post + "Transfer-Encoding: chunked\r\n\r\n" + chunks, 413);
  expect_refused("GET /" + std::string(limits::request_line, 'x'), 414);
  expect_refused("GET /" + std::string(limits::request_line, 'x') + " HTTP/1.1\r\nHost: x\r\n\r\n",
                 414);
  expect_refused(post + "A: " + std::string(limits::header_bytes, 'x'), 431);
  expect_refused(post + "A: " + std::string(limits::header_bytes, 'x') + "\r\n\r\n", 431);
  std::string fields;
  while (fields.size() < limits::header_bytes) fields.append("A: b\r\n");
  expect_refused(post + fields + "\r\n", 431);
  EXPECT_EQ(
      ask("GET /livez HTTP/1.1\r\nHost: x\r\nA: " + std::string(16'000, 'x') + "\r\n\r\n").status,
      200);
  expect_refused(post + "Transfer-Encoding: chunked\r\n\r\n1;" + std::string(200'000, 'x'), 400);
  stop();
  EXPECT_TRUE(shop.commands.empty());
}

TEST_F(http_server_test, what_is_not_http_is_refused) {
  start();
  const std::string get = "GET /livez HTTP/1.1\r\n";
  for (const std::string& bad :
       {std::string("garbage\r\n\r\n"), std::string("\x16\x03\x01\x02\x00\x01\r\n\r\n", 10),
        std::string("GET  /livez HTTP/1.1\r\nHost: x\r\n\r\n"),
        std::string("GET /liv\x01ez HTTP/1.1\r\nHost: x\r\n\r\n"),
        std::string("GET /livez\r\n\r\n"), get + "\r\n", get + "Host: x\r\nHost: x\r\n\r\n",
        get + "Host: x\r\nA\r\n\r\n", get + "Host: x\r\nA : b\r\n\r\n",
        get + "Host: x\r\n b\r\n\r\n", get + "Host: x\r\nA: b\r\n c\r\n\r\n",
        get + "Host: x\r\nContent-Length: -1\r\n\r\n",
        get + "Host: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        get + "Host: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        get + "Host: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
        get + "Host: x\r\nTransfer-Encoding: gzip\r\n\r\n",
        get + "Host: x\r\nTransfer-Encoding: chunked, gzip\r\n\r\n",
        get + "Host: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        std::string("GET livez HTTP/1.1\r\nHost: x\r\n\r\n")}) {
    http_client client(port());
    const http_answer got = client.say(bad).half_close().read();
    EXPECT_EQ(got.status, 400) << bad << " -> " << got.body;
  }
  expect_refused("GET /livez HTTP/2.0\r\nHost: x\r\n\r\n", 505);
  expect_refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505);
}

TEST_F(http_server_test, other_methods_are_refused_and_the_connection_stays) {
  start();
  http_client client(port());
  for (const std::string method :
       {"PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "POST", "BREW", "get"}) {
    const auto got = client.say(method + " /livez HTTP/1.1\r\nHost: x\r\n\r\n").read();
    EXPECT_EQ(got.status, 405) << method;
    EXPECT_EQ(got.header.at("Allow"), "GET, HEAD");
  }
  EXPECT_EQ(client.say("BREW /pot HTTP/1.1\r\nHost: x\r\n\r\n").read().status, 404);
  EXPECT_EQ(client.say("GET http://y/livez HTTP/1.1\r\nHost: x\r\n\r\n").read().body, "ok");
  EXPECT_EQ(client.say("\r\n\r\n").say(livez).read().body, "ok");
}

TEST_F(http_server_test, a_slow_header_is_cut_and_others_are_not) {
  options.http.header_timeout = 100ms;
  start();
  http_client slow(port()), silent(port()), idle(port());
  EXPECT_EQ(idle.say(livez).read().body, "ok");
  slow.say("GET /livez HTTP/1.1\r\nHo");
  EXPECT_EQ(slow.read().status, 408);
  EXPECT_TRUE(slow.at_end());
  EXPECT_TRUE(silent.at_end());
  EXPECT_EQ(idle.say(livez).read().body, "ok");
}

TEST_F(http_server_test, dripping_does_not_prolong_a_header) {
  options.http.header_timeout = 200ms;
  start();
  http_client slow(port());
  const auto begun = std::chrono::steady_clock::now();
  std::thread dripping([&] {
    for (int i = 0; i < 60; ++i) {
      slow.say("A");
      std::this_thread::sleep_for(20ms);
    }
  });
  EXPECT_EQ(slow.read().status, 408);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 800ms);
  dripping.join();
}

TEST_F(http_server_test, slow_bodies_and_idle_connections_are_cut) {
  options.http.body_timeout = 100ms;
  options.http.idle_timeout = 100ms;
  start();
  http_client slow(port()), idle(port());
  slow.say("POST /orders/checkout/7 HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab");
  EXPECT_EQ(slow.read().status, 408);
  EXPECT_EQ(idle.say(livez).read().body, "ok");
  EXPECT_TRUE(idle.at_end());
  stop();
  EXPECT_TRUE(shop.commands.empty());
}

TEST_F(http_server_test, a_waiting_request_has_no_deadline_of_the_connection) {
  options.http.header_timeout = options.http.idle_timeout = options.http.body_timeout = 50ms;
  shop.delay = 400ms;
  start();
  EXPECT_EQ(ask("POST /orders/checkout/7 HTTP/1.1\r\nHost: x\r\n\r\n").body, "Checkout successful");
}

TEST_F(http_server_test, a_client_that_reads_nothing_is_cut) {
  options.http.write_timeout = 100ms;
  start();
  http_client deaf(port());
  std::string many;
  for (int i = 0; i < 2'000; ++i) many.append("GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n");
  deaf.say(many);
  std::this_thread::sleep_for(600ms);
  EXPECT_EQ(ask(livez).body, "ok");
  begin_stop();
  EXPECT_TRUE(wait_stopped());
}

TEST_F(http_server_test, a_half_closed_client_gets_its_answers) {
  shop.delay = 50ms;
  start();
  http_client client(port());
  client.say("POST /orders/checkout/7 HTTP/1.1\r\nHost: x\r\n\r\n").say(livez).half_close();
  EXPECT_EQ(client.read().body, "Checkout successful");
  EXPECT_EQ(client.read().body, "ok");
  EXPECT_TRUE(client.at_end());
}

TEST_F(http_server_test, a_client_that_leaves_in_mid_request_harms_nobody) {
  shop.delay = 20ms;
  start();
  for (int i = 0; i < 50; ++i) {
    http_client(port()).say("POST /orders/checkout/7 HTTP/1.1\r\nHost: x\r\n\r\n");
    http_client(port()).say("POST /orders/checkout/7 HTT");
    const http_client nothing_said(port());
  }
  EXPECT_EQ(ask(livez).body, "ok");
  begin_stop();
  EXPECT_TRUE(wait_stopped());
}

TEST_F(http_server_test, connections_beyond_the_limit_are_refused) {
  options.http.max_connections = 2;
  start();
  auto first = std::make_unique<http_client>(port());
  http_client second(port());
  EXPECT_EQ(first->say(livez).read().status, 200);
  EXPECT_EQ(second.say(livez).read().status, 200);
  {
    http_client third(port());
    const auto got = third.read();
    EXPECT_EQ(got.status, 503);
    EXPECT_NE(got.body.find("too_many_connections"), std::string::npos);
    EXPECT_EQ(got.header.at("Retry-After"), "1");
  }
  first.reset();
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(ask(livez).status, 200);
}

TEST_F(http_server_test, a_refused_connection_that_has_said_something_is_not_reset) {
  options.http.max_connections = 0;
  start();
  http_client refused(port());
  refused.say(livez);
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(refused.failure(), 0);
  EXPECT_EQ(refused.read().status, 503);
  EXPECT_TRUE(refused.at_end());
  begin_stop();
  EXPECT_TRUE(wait_stopped());
}

TEST_F(http_server_test, refused_connections_are_few_at_a_time) {
  options.http.max_connections = 0;
  options.http.max_refused = 1;
  start();
  {
    http_client first(port());
    EXPECT_EQ(first.read().status, 503);
    EXPECT_TRUE(first.at_end());
    http_client second(port());
    EXPECT_EQ(second.read().status, 0);
    EXPECT_TRUE(second.at_end());
  }
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(ask({}).status, 503);
}

TEST_F(http_server_test, stopping_answers_what_was_received_and_closes_the_rest) {
  shop.delay = 200ms;
  start();
  http_client busy(port()), idle(port());
  EXPECT_EQ(idle.say(livez).read().body, "ok");
  busy.say("POST /orders/checkout/7 HTTP/1.1\r\nHost: x\r\n\r\n");
  std::this_thread::sleep_for(50ms);
  begin_stop();
  EXPECT_TRUE(idle.at_end());
  const auto last = busy.read();
  EXPECT_EQ(last.body, "Checkout successful");
  EXPECT_TRUE(last.closes());
  EXPECT_TRUE(busy.at_end());
  EXPECT_TRUE(wait_stopped());
}

TEST_F(http_server_test, several_threads_share_the_connections) {
  start(2);
  std::vector<std::unique_ptr<http_client>> clients;
  for (int i = 0; i < 8; ++i) clients.push_back(std::make_unique<http_client>(port()));
  for (int round = 0; round < 20; ++round) {
    for (auto& c : clients) c->say("POST /orders/checkout/7 HTTP/1.1\r\nHost: x\r\n\r\n");
    for (auto& c : clients) EXPECT_EQ(c->read().body, "Checkout successful");
  }
  clients.clear();
  begin_stop();
  EXPECT_TRUE(wait_stopped());
  stop();
  EXPECT_EQ(shop.commands.size(), 80U);
  EXPECT_EQ(other_shop.commands.size(), 80U);
}

TEST(http_server_listen, tells_what_is_wrong) {
  boost::asio::io_context context(1);
  fake_dispatcher shop;
  const gateway_thread lane{&context, &shop};
  gateway_options options;
  for (const char* bad : {"", "8000", "x:y", "127.0.0.1:", "127.0.0.1:70000", "host.invalid:1"}) {
    options.listen = bad;
    gateway one(options, {&lane, 1});
    const auto listening = one.listen();
    ASSERT_FALSE(listening) << bad;
    EXPECT_EQ(listening.error().code, errc::invalid);
  }
  options.listen = "localhost:0";
  gateway first(options, {&lane, 1});
  ASSERT_TRUE(first.listen());
  options.listen = "127.0.0.1:" + std::to_string(first.port());
  gateway second(options, {&lane, 1});
  const auto taken = second.listen();
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, errc::in_use);
}

}  // namespace
}  // namespace settle::gateway
