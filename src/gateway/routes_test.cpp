// From requests to commands and reads, and back.
#include "gateway/routes.hpp"

#include <boost/json.hpp>
#include <numeric>
#include <set>

#include "gateway/batch_init.hpp"
#include "gateway/gateway_fixture.hpp"

namespace settle::gateway {
namespace {

using namespace std::chrono_literals;

class routes_test : public gateway_fixture {
 protected:
  http_answer post(const std::string& path, const std::string& fields = {}) {
    return http_client(port())
        .say("POST " + path + " HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n")
        .read();
  }
  http_answer get(const std::string& path) {
    return http_client(port()).say("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n").read();
  }
  static std::string code(const http_answer& got) {
    return std::string(boost::json::parse(got.body).at("code").as_string());
  }
  template <class Body>
  const Body& only_command() {
    EXPECT_EQ(shop.commands.size(), 1U);
    return std::get<Body>(shop.commands.at(0).body);
  }
};

TEST_F(routes_test, commands_go_to_the_partition_of_their_entity) {
  options.keyless_retention = retention::none;
  start();
  post("/orders/addItem/o1/i1/3");
  post("/orders/checkout/o1");
  post("/stock/add/i1/4");
  post("/stock/subtract/i1/5");
  post("/payment/add_funds/u1/6");
  post("/payment/pay/u1/7");
  stop();
  ASSERT_EQ(shop.commands.size(), 6U);
  const auto& c = shop.commands;
  const auto at = [&](service s, std::string_view id) {
    return partition_of(s, *entity_id::parse(id), shop.partitions);
  };
  const partition_id expected[] = {at(service::order, "o1"),   at(service::order, "o1"),
                                   at(service::stock, "i1"),   at(service::stock, "i1"),
                                   at(service::payment, "u1"), at(service::payment, "u1")};
  std::set<request_id> ids;
  for (std::size_t i = 0; i < c.size(); ++i) {
    EXPECT_EQ(c[i].destination, expected[i]) << i;
    EXPECT_EQ(c[i].keep, retention::none);
    EXPECT_EQ(c[i].deadline_ms, 30'000U);
    EXPECT_TRUE(ids.insert(c[i].request).second);
  }
  EXPECT_EQ(std::get<body::add_item>(c[0].body).item.view(), "i1");
  EXPECT_EQ(std::get<body::add_item>(c[0].body).quantity, quantity{3});
  EXPECT_EQ(std::get<body::add_stock>(c[2].body).amount, quantity{4});
  EXPECT_EQ(std::get<body::subtract_stock>(c[3].body).amount, quantity{5});
  EXPECT_EQ(std::get<body::add_funds>(c[4].body).amount, money{6});
  EXPECT_EQ(std::get<body::pay>(c[5].body).amount, money{7});
}

TEST_F(routes_test, what_is_created_is_named_by_the_request) {
  start();
  EXPECT_EQ(get("/livez").status, 200);
  const auto order = post("/orders/create/u1"), item = post("/stock/item/create/5"),
             user = post("/payment/create_user");
  stop();
  ASSERT_EQ(shop.commands.size(), 3U);
  const auto id = [&](std::size_t i) { return shop.commands[i].request.to_entity_id(); };
  EXPECT_EQ(order.body, "{\"order_id\": \"" + std::string(id(0).view()) + "\"}");
  EXPECT_EQ(item.body, "{\"item_id\": \"" + std::string(id(1).view()) + "\"}");
  EXPECT_EQ(user.body, "{\"user_id\": \"" + std::string(id(2).view()) + "\"}");
  EXPECT_EQ(shop.commands[0].destination, partition_of(service::order, id(0), shop.partitions));
  EXPECT_EQ(shop.commands[1].destination, partition_of(service::stock, id(1), shop.partitions));
  EXPECT_EQ(shop.commands[2].destination, partition_of(service::payment, id(2), shop.partitions));
}

TEST_F(routes_test, an_idempotency_key_names_the_request) {
  start();
  const std::string key = "Idempotency-Key: \"k1\"\r\n";
  const auto first = post("/payment/create_user", key);
  EXPECT_EQ(post("/payment/create_user", "idempotency-key: k1\r\n").body, first.body);
  EXPECT_NE(post("/stock/item/create/1", key).body, first.body);
  for (const std::string& bad :
       {std::string("Idempotency-Key:\r\n"), std::string("Idempotency-Key: \"\"\r\n"), key + key,
        "Idempotency-Key: " + std::string(256, 'k') + "\r\n"}) {
    const auto refused = post("/payment/create_user", bad);
    EXPECT_EQ(refused.status, 400);
    EXPECT_EQ(code(refused), "invalid_key") << bad;
  }
  stop();
  ASSERT_EQ(shop.commands.size(), 3U);
  for (const auto& c : shop.commands) EXPECT_EQ(c.keep, retention::client_key);
}

TEST_F(routes_test, a_trusted_header_counts_only_where_configured) {
  start();
  const std::string trusted = "X-Request-ID: abc\r\n";
  EXPECT_NE(post("/payment/create_user", trusted).body, post("/payment/create_user", trusted).body);
  stop();
  shop.commands.clear();
  options.trusted_header = "x-request-id";
  options.keyless_retention = retention::none;
  start();
  EXPECT_EQ(post("/payment/create_user", trusted).body, post("/payment/create_user", trusted).body);
  post("/payment/create_user", trusted + "Idempotency-Key: k\r\n");
  post("/payment/create_user", "X-Request-ID: " + std::string(129, 'x') + "\r\n");
  stop();
  ASSERT_EQ(shop.commands.size(), 4U);
  EXPECT_EQ(shop.commands[0].keep, retention::two_minutes);
  EXPECT_EQ(shop.commands[2].keep, retention::client_key);
  EXPECT_EQ(shop.commands[3].keep, retention::none);
}

TEST_F(routes_test, traceparent_is_passed_on) {
  start();
  post("/orders/checkout/1",
       "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n");
  post("/orders/checkout/1", "traceparent: nonsense\r\n");
  stop();
  ASSERT_EQ(shop.commands.size(), 2U);
  EXPECT_EQ(shop.commands[0].trace.span, 0xb7ad6b7169203331ULL);
  EXPECT_EQ(shop.commands[1].trace, trace_context{});
}

TEST_F(routes_test, rejections_are_problems) {
  shop.respond = [](const auto&) { return answer{answer_code::out_of_credit, 0, {}}; };
  start();
  const auto got = post("/orders/checkout/1");
  EXPECT_EQ(got.status, 400);
  EXPECT_EQ(code(got), "out_of_credit");
  EXPECT_EQ(get("/payment/find_user/9").body,
            R"({"type":"urn:settle:problem:user_not_found","title":"User not found","status":400,)"
            R"("detail":"User: 9 not found!","code":"user_not_found"})");
}

TEST_F(routes_test, finds_read_the_entity) {
  shop.put(service::stock, *entity_id::parse("i"), encode(item{{}, quantity{3}, money{4}}));
  shop.put(service::payment, *entity_id::parse("u"), encode(user{{}, money{5}}));
  shop.put(service::payment, *entity_id::parse("bad"), "nonsense");
  start();
  EXPECT_EQ(get("/stock/find/i").body, R"({"stock": 3, "price": 4})");
  EXPECT_EQ(get("/payment/find_user/u").body, R"({"user_id": "u", "credit": 5})");
  const auto corrupt = get("/payment/find_user/bad");
  EXPECT_EQ(corrupt.status, 500);
  EXPECT_EQ(code(corrupt), "corrupt_data");
}

TEST_F(routes_test, failed_reads_are_not_answered_with_a_guess) {
  shop.read_status = error{errc::unavailable, "gone"};
  start();
  EXPECT_EQ(code(get("/stock/find/i")), "unavailable");
  EXPECT_EQ(code(get("/orders/history/i")), "unavailable");
}

TEST_F(routes_test, history_follows_the_attempts_of_the_partition) {
  const entity_id id = *entity_id::parse("o");
  const partition_id partition = partition_of(service::order, id, shop.partitions);
  order found;
  found.user = id;
  for (std::uint64_t number = 2; number <= 2'400; number += 2) {
    attempt made;
    made.number = number;
    made.previous = number - 2;
    made.started_ms = made.finished_ms = 1'700'000'000'000;
    if (number == 2'400) found.last_attempt = made;
    std::string bytes;
    byte_writer out(bytes);
    encode(out, made);
    shop.values[{partition, checkpoint_key::attempt(number)}] = bytes;
  }
  shop.put(service::order, id, encode(found));
  start();
  const auto told = boost::json::parse(get("/orders/history/o").body);
  const auto& attempts = told.at("attempts").as_array();
  EXPECT_EQ(attempts.size(), limits::history_attempts);
  EXPECT_EQ(attempts.front().at("attempt"), 402);
  EXPECT_EQ(attempts.back().at("attempt"), 2'400);
  EXPECT_EQ(told.at("truncated"), true);
  stop();
  shop.values.erase({partition, checkpoint_key::attempt(2'000)});
  start();
  EXPECT_EQ(code(get("/orders/history/o")), "corrupt_data");
  EXPECT_EQ(code(get("/orders/history/none")), "order_not_found");
}

TEST_F(routes_test, history_of_a_running_attempt_that_cannot_be_read_still_tells_of_all) {
  const entity_id id = *entity_id::parse("o");
  order found;
  found.user = id;
  found.running = operation_id{3, 7};
  shop.put(service::order, id, encode(found));
  start();
  const auto history = [&] { return boost::json::parse(get("/orders/history/o").body); };
  const boost::json::value first{{"attempt", 7},
                                 {"outcome", "running"},
                                 {"reason", nullptr},
                                 {"item_id", nullptr},
                                 {"started", nullptr},
                                 {"finished", nullptr},
                                 {"steps", boost::json::array{}}};
  EXPECT_EQ(history().at("attempts"), boost::json::array{first});
  stop();
  attempt rejected;
  rejected.number = 5;
  rejected.previous = 4;
  rejected.finished_ms = 1'700'000'000'000;
  found.last_attempt = rejected;
  shop.put(service::order, id, encode(found));
  std::string bytes;
  byte_writer out(bytes);
  rejected.number = 4;
  rejected.previous = 0;
  encode(out, rejected);
  const partition_id partition = partition_of(service::order, id, shop.partitions);
  shop.values[{partition, checkpoint_key::attempt(4)}] = bytes;
  start();
  const auto told = history();
  const auto& attempts = told.at("attempts").as_array();
  ASSERT_EQ(attempts.size(), 3U);
  EXPECT_EQ(attempts[0].at("attempt"), 4);
  EXPECT_EQ(attempts[1].at("attempt"), 5);
  EXPECT_EQ(attempts[2], first);
  EXPECT_EQ(told.at("truncated"), false);
}

TEST_F(routes_test, too_many_requests_under_way_are_refused) {
  options.pending_requests = 1;
  shop.delay = 300ms;
  start();
  http_client first(port());
  first.say("POST /orders/checkout/1 HTTP/1.1\r\nHost: x\r\n\r\n");
  std::this_thread::sleep_for(50ms);
  const auto refused = post("/orders/checkout/2");
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.header.at("Retry-After"), "1");
  EXPECT_EQ(get("/livez").status, 200);
  EXPECT_EQ(first.read().status, 200);
  EXPECT_EQ(post("/orders/checkout/2").status, 200);
}

TEST_F(routes_test, exceptions_cost_one_request) {
  shop.respond = [](const auto&) -> answer { throw std::bad_alloc(); };
  start();
  http_client client(port());
  const auto got = client.say("POST /orders/checkout/1 HTTP/1.1\r\nHost: x\r\n\r\n").read();
  EXPECT_EQ(got.status, 500);
  EXPECT_EQ(code(got), "internal_error");
  EXPECT_EQ(client.say("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").read().status, 200);
}

TEST_F(routes_test, readiness_is_that_of_the_dispatcher) {
  start();
  for (const auto* path : {"/readyz", "/orders/health", "/stock/health", "/payment/health"}) {
    EXPECT_EQ(get(path).body, "ready") << path;
  }
  stop();
  shop.readiness = error{errc::no_space, "no room on the disk"};
  start();
  const auto got = get("/readyz");
  EXPECT_EQ(got.status, 503);
  EXPECT_EQ(boost::json::parse(got.body).at("detail"), "no room on the disk");
  EXPECT_EQ(get("/livez").status, 200);
}

TEST_F(routes_test, metrics_count_requests_by_route_and_status) {
  options.more_metrics = [](std::string& out) { out.append("settle_more 1\n"); };
  start();
  get("/livez");
  get("/nope");
  post("/orders/checkout/1");
  const std::string told = get("/metrics").body;
  for (const auto* line :
       {"settle_http_requests_total{route=\"/livez\",status=\"200\"} 1\n",
        "settle_http_requests_total{route=\"none\",status=\"404\"} 1\n",
        "settle_http_request_duration_seconds_count{route=\"/orders/checkout/{order_id}\"} 1\n",
        "settle_http_connections ", "settle_pending_requests 0\n", "settle_more 1\n"}) {
    EXPECT_NE(told.find(line), std::string::npos) << line << " in\n" << told;
  }
}

TEST_F(routes_test, batch_init_writes_every_row_once_in_every_partition) {
  shop.partitions = 3;
  start();
  const std::uint64_t rows = 3 * 3 * limits::batch_rows + 5;
  const auto got = post("/orders/batch_init/" + std::to_string(rows) + "/7/8/9");
  EXPECT_EQ(got.body, R"({"msg": "Batch init for orders successful"})");
  stop();
  std::vector<std::vector<std::pair<std::uint64_t, std::uint64_t>>> ranges(shop.partitions);
  std::set<request_id> ids;
  std::set<std::uint64_t> seeds;
  for (const auto& c : shop.commands) {
    const auto& init = std::get<body::init_orders>(c.body);
    EXPECT_EQ(init.items, 7U);
    EXPECT_EQ(init.users, 8U);
    EXPECT_EQ(init.item_price, money{9});
    EXPECT_EQ(c.deadline_ms, 0U);
    ranges[c.destination.index].emplace_back(init.first, init.last);
    seeds.insert(init.seed);
    EXPECT_TRUE(ids.insert(c.request).second);
  }
  EXPECT_EQ(seeds.size(), 1U);
  for (auto& of_partition : ranges) {
    std::sort(of_partition.begin(), of_partition.end());
    std::uint64_t next = 0;
    for (const auto& [first, last] : of_partition) {
      EXPECT_EQ(first, next);
      EXPECT_LE(last - first, limits::batch_rows * shop.partitions);
      next = last;
    }
    EXPECT_EQ(next, rows);
  }
}

TEST_F(routes_test, batch_init_answers_the_worst_and_waits_out_an_overload) {
  int calls = 0;
  shop.partitions = 1;
  shop.respond = [&](const auto&) {
    return answer{++calls == 1 ? answer_code::overloaded : answer_code::ok, 0, {}};
  };
  start();
  EXPECT_EQ(post("/stock/batch_init/10000/1/1").status, 200);
  stop();
  EXPECT_EQ(shop.commands.size(), 4U);
  shop.respond = [&](const auto& c) {
    const bool second = std::get<body::init_users>(c.body).first > 0;
    return answer{second ? answer_code::unavailable : answer_code::ok, 0, {}};
  };
  start();
  EXPECT_EQ(code(post("/payment/batch_init/10000/1")), "outcome_unknown");
  EXPECT_EQ(post("/payment/batch_init/0/1").status, 200);
}

TEST_F(routes_test, batch_init_can_be_turned_off) {
  options.batch_init = false;
  start();
  for (const auto* path :
       {"/orders/batch_init/1/1/1/1", "/stock/batch_init/1/1/1", "/payment/batch_init/1/1"}) {
    const auto got = post(path);
    EXPECT_EQ(got.status, 403);
    EXPECT_EQ(code(got), "batch_init_disabled");
  }
  stop();
  EXPECT_TRUE(shop.commands.empty());
}

TEST(batch_plan, equal_requests_are_cut_equally) {
  const request_id base{1, 2};
  const batch_plan plan(service::stock, 4, 100'000, base);
  const batch_plan again(service::stock, 4, 100'000, base);
  EXPECT_EQ(plan.size(), (100'000 + 4 * limits::batch_rows - 1) / (4 * limits::batch_rows) * 4);
  for (std::uint64_t i = 0; i < plan.size(); ++i) {
    EXPECT_EQ(plan.part(i).request, again.part(i).request);
    EXPECT_EQ(plan.part(i).destination.index, i % 4);
  }
  EXPECT_EQ(plan.part(plan.size() - 1).last, 100'000U);
  EXPECT_EQ(batch_plan(service::stock, 4, 0, base).size(), 0U);
}

}  // namespace
}  // namespace settle::gateway
