"""The verbs of the tests: a client that knows the routes. Those that return a plain value
expect success; `post` and `get` return the answer whatever it is."""

from settle_client import Client


class Shop(Client):
    def create_user(self, credit=0):
        user = self._success(self.post("/payment/create_user")).json["user_id"]
        if credit:
            self._success(self.add_funds(user, credit))
        return user

    def create_item(self, price=1, stock=0):
        item = self._success(self.post(f"/stock/item/create/{price}")).json["item_id"]
        if stock:
            self._success(self.add_stock(item, stock))
        return item

    def create_order(self, user, *lines):
        """`lines`: (item, quantity) each."""
        order = self._success(self.post(f"/orders/create/{user}")).json["order_id"]
        for item, quantity in lines:
            self._success(self.add_item(order, item, quantity))
        return order

    def add_item(self, order, item, quantity=1, **options):
        return self.post(f"/orders/addItem/{order}/{item}/{quantity}", **options)

    def checkout(self, order, **options):
        return self.post(f"/orders/checkout/{order}", **options)

    def add_stock(self, item, amount, **options):
        return self.post(f"/stock/add/{item}/{amount}", **options)

    def subtract(self, item, amount, **options):
        return self.post(f"/stock/subtract/{item}/{amount}", **options)

    def add_funds(self, user, amount, **options):
        return self.post(f"/payment/add_funds/{user}/{amount}", **options)

    def pay(self, user, amount, **options):
        return self.post(f"/payment/pay/{user}/{amount}", **options)

    def stock(self, item):
        return self._success(self.get(f"/stock/find/{item}")).json["stock"]

    def credit(self, user):
        return self._success(self.get(f"/payment/find_user/{user}")).json["credit"]

    def order(self, order):
        return self._success(self.get(f"/orders/find/{order}")).json

    def history(self, order):
        return self._success(self.get(f"/orders/history/{order}")).json

    def state(self, users=(), items=(), orders=()):
        """To compare before with after."""
        return ([self.credit(user) for user in users], [self.stock(item) for item in items],
                [self.order(order) for order in orders])

    @staticmethod
    def _success(answer):
        assert answer.status == 200, answer
        return answer
