-- A shop in one PostgreSQL: what is sold, who buys, and the whole checkout as one function, hence
-- in one transaction. A function that refuses raises an error of class ST (see front.cpp), which
-- undoes what it did; the message is the id that the refusal is about.
--
-- Rows are locked in one order everywhere: the order, the user, the items by id. No two checkouts
-- can deadlock, and the rows that many buyers want are locked last and for the shortest time.
-- A row version that fits its page needs no new index entry (HOT): hence the fill factors.

CREATE TABLE users (
  user_id text PRIMARY KEY,
  credit bigint NOT NULL
) WITH (fillfactor = 70);

CREATE TABLE items (
  item_id text PRIMARY KEY,
  stock bigint NOT NULL,
  price bigint NOT NULL
) WITH (fillfactor = 70);

CREATE TABLE orders (
  order_id text PRIMARY KEY,
  user_id text NOT NULL,
  paid boolean NOT NULL DEFAULT false,
  total_cost bigint NOT NULL DEFAULT 0,
  line_count integer NOT NULL DEFAULT 0
) WITH (fillfactor = 70);

CREATE TABLE order_lines (
  order_id text NOT NULL,
  line integer NOT NULL,
  item_id text NOT NULL,
  quantity bigint NOT NULL,
  PRIMARY KEY (order_id, line)
);

CREATE FUNCTION checkout(wanted text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  found_order record;
  needed record;
BEGIN
  SELECT user_id, paid, total_cost, line_count INTO found_order
    FROM orders WHERE order_id = wanted FOR UPDATE;
  IF NOT FOUND THEN RAISE '%', wanted USING ERRCODE = 'ST001'; END IF;
  IF found_order.paid THEN RETURN 0; END IF;
  IF found_order.line_count > 0 THEN
    UPDATE users SET credit = credit - found_order.total_cost
      WHERE user_id = found_order.user_id AND credit >= found_order.total_cost;
    IF NOT FOUND THEN RAISE '%', found_order.user_id USING ERRCODE = 'ST005'; END IF;
    FOR needed IN
      SELECT item_id, sum(quantity)::bigint AS pieces FROM order_lines
        WHERE order_id = wanted GROUP BY item_id ORDER BY item_id
    LOOP
      UPDATE items SET stock = stock - needed.pieces
        WHERE item_id = needed.item_id AND stock >= needed.pieces;
      IF NOT FOUND THEN RAISE '%', needed.item_id USING ERRCODE = 'ST004'; END IF;
    END LOOP;
  END IF;
  UPDATE orders SET paid = true WHERE order_id = wanted;
  RETURN 0;
END $$;

CREATE FUNCTION add_item(wanted text, added text, pieces bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  found_order record;
  piece_price bigint;
  total numeric;
BEGIN
  SELECT paid, total_cost, line_count INTO found_order
    FROM orders WHERE order_id = wanted FOR UPDATE;
  IF NOT FOUND THEN RAISE '%', wanted USING ERRCODE = 'ST001'; END IF;
  SELECT price INTO piece_price FROM items WHERE item_id = added;
  IF NOT FOUND THEN RAISE '%', added USING ERRCODE = 'ST002'; END IF;
  IF found_order.paid THEN RAISE '%', wanted USING ERRCODE = 'ST011'; END IF;
  IF found_order.line_count >= 1000 THEN RAISE '%', wanted USING ERRCODE = 'ST009'; END IF;
  total := found_order.total_cost + piece_price::numeric * pieces;
  IF total > 9007199254740991 THEN RAISE '%', wanted USING ERRCODE = 'ST008'; END IF;
  INSERT INTO order_lines VALUES (wanted, found_order.line_count, added, pieces);
  UPDATE orders SET total_cost = total, line_count = line_count + 1 WHERE order_id = wanted;
  RETURN total;
END $$;

CREATE FUNCTION change_stock(wanted text, change bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  now_there bigint;
BEGIN
  UPDATE items SET stock = stock + change WHERE item_id = wanted RETURNING stock INTO now_there;
  IF NOT FOUND THEN RAISE '%', wanted USING ERRCODE = 'ST002'; END IF;
  IF now_there < 0 THEN RAISE '%', wanted USING ERRCODE = 'ST006'; END IF;
  IF now_there > 9007199254740991 THEN RAISE '%', wanted USING ERRCODE = 'ST008'; END IF;
  RETURN now_there;
END $$;

CREATE FUNCTION change_credit(wanted text, change bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  now_there bigint;
BEGIN
  UPDATE users SET credit = credit + change WHERE user_id = wanted RETURNING credit INTO now_there;
  IF NOT FOUND THEN RAISE '%', wanted USING ERRCODE = 'ST003'; END IF;
  IF now_there < 0 THEN RAISE '%', wanted USING ERRCODE = 'ST007'; END IF;
  IF now_there > 9007199254740991 THEN RAISE '%', wanted USING ERRCODE = 'ST008'; END IF;
  RETURN now_there;
END $$;

-- The three batch_init empty their tables first: what a benchmark wants, though the contract would
-- keep rows with other ids.

CREATE FUNCTION init_users(n bigint, starting_money bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
  TRUNCATE users;
  INSERT INTO users SELECT id::text, starting_money FROM generate_series(0, n - 1) AS id;
  RETURN n;
END $$;

CREATE FUNCTION init_items(n bigint, starting_stock bigint, item_price bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
BEGIN
  TRUNCATE items;
  INSERT INTO items SELECT id::text, starting_stock, item_price
    FROM generate_series(0, n - 1) AS id;
  RETURN n;
END $$;

CREATE FUNCTION init_orders(n bigint, n_items bigint, n_users bigint, item_price bigint)
RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
  TRUNCATE orders, order_lines;
  INSERT INTO orders SELECT id::text, floor(random() * n_users)::bigint::text, false,
    2 * item_price, 2 FROM generate_series(0, n - 1) AS id;
  INSERT INTO order_lines SELECT id::text, line, floor(random() * n_items)::bigint::text, 1
    FROM generate_series(0, n - 1) AS id, generate_series(0, 1) AS line;
  RETURN n;
END $$;
