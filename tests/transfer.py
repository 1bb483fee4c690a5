"""`settle export` and `settle import`, and a shop whose content is compared before and after."""

import os
import subprocess

from settle_process import PROGRAM

SECONDS = 120


def settle(*arguments, **options):
    """Runs a subcommand to its end; returns exit code, standard output and standard error."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SETTLE_")}
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, env=environment,
                          timeout=SECONDS, check=False, **options)


def done(*arguments, **options):
    """The same; it must succeed. Returns standard output."""
    ended = settle(*arguments, **options)
    assert ended.returncode == 0, ended.stderr.decode()
    return ended.stdout


def refused(*arguments, **options):
    """The same; it must fail with 2. Returns what it said."""
    ended = settle(*arguments, **options)
    assert ended.returncode == 2, (ended.returncode, ended.stdout, ended.stderr)
    return ended.stderr.decode()


class Content:
    """Orders in every state, items, users, and requests with keys whose answers are known."""

    USERS, ITEMS, ORDERS = 12, 12, 40

    def __init__(self, shop):
        self.users = [shop.create_user(1_000 + i) for i in range(self.USERS)]
        self.items = [shop.create_item(1 + i, 50) for i in range(self.ITEMS)]
        self.poor = shop.create_user(3)
        self.orders = []
        for i in range(self.ORDERS):
            lines = [(self.items[i % self.ITEMS], 1), (self.items[(i + 5) % self.ITEMS], 2)]
            self.orders.append(shop.create_order(self.users[i % self.USERS], *lines))
            if i % 4:
                assert shop.checkout(self.orders[-1]).status == 200
        # Rejected several times, so that older attempts have keys of their own; one then paid.
        self.tried = [shop.create_order(self.poor, (self.items[9], 1)) for _ in range(8)]
        for _ in range(3):
            for order in self.tried:
                assert shop.checkout(order).code == "out_of_credit"
        shop.add_funds(self.poor, 7)
        assert shop.checkout(self.tried[0]).status == 200
        self.orders += self.tried
        assert shop.post("/payment/batch_init/10/500").status == 200
        self.users += [self.poor] + [str(i) for i in range(10)]
        self.keyed = self._keyed_requests()
        self.answers = self._send_keyed(shop)

    def _keyed_requests(self):
        """(path, key): effects of every service, also recorded rejections."""
        found = []
        for i in range(8):
            found += [(f"/payment/add_funds/{self.users[i]}/5", f'"funds-{i}"'),
                      (f"/payment/pay/{self.users[i]}/1000000", f'"pay-{i}"'),
                      (f"/stock/add/{self.items[i]}/3", f'"stock-{i}"'),
                      (f"/orders/create/{self.users[i]}", f'"create-{i}"'),
                      ("/payment/create_user", f'"user-{i}"'),
                      (f"/orders/addItem/{self.orders[4 * i]}/{self.items[i]}/1", f'"line-{i}"'),
                      (f"/orders/checkout/{self.tried[i]}", f'"checkout-{i}"')]
        return found

    def _send_keyed(self, shop):
        return [(answer.status, answer.body)
                for answer in (shop.post(path, key=key) for path, key in self.keyed)]

    def refill(self, shop):
        """So that what check_works buys is there."""
        for item in self.items:
            assert shop.add_stock(item, 100).status == 200
        for user in self.users:
            if user != self.poor:
                assert shop.add_funds(user, 1_000).status == 200

    def state(self, shop):
        """Everything that a client can read. Attempts are numbered anew where partitions merge."""
        histories = [shop.history(order) for order in self.orders]
        for history in histories:
            for attempt in history["attempts"]:
                del attempt["attempt"]
        return shop.state(self.users, self.items, self.orders), histories

    def check_keys(self, shop):
        """Repeats have their first answers, and no effect."""
        before = self.state(shop)
        assert self._send_keyed(shop) == self.answers
        assert self.state(shop) == before

    def check_works(self, shop):
        """What is new works beside what was there: checkouts, rejections, their histories."""
        for i, order in enumerate(self.orders[:self.ORDERS:4]):
            user, item = self.users[i % self.USERS], self.items[i % self.ITEMS]
            credit, stock = shop.credit(user), shop.stock(item)
            fresh = shop.create_order(user, (item, 1))
            assert shop.checkout(fresh).status == 200
            assert shop.stock(item) == stock - 1
            assert shop.credit(user) == credit - shop.order(fresh)["total_cost"]
            assert shop.checkout(order).status == 200
        for order in self.tried:
            before = shop.history(order)["attempts"]
            paid = shop.order(order)["paid"]
            assert shop.checkout(order).status == (200 if paid else 400)
            after = shop.history(order)["attempts"]
            assert after[:len(before)] == before
            assert len(after) == len(before) + (0 if paid else 1)
            numbers = [attempt["attempt"] for attempt in after]
            assert numbers == sorted(set(numbers))
