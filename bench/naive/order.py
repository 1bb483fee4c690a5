"""The order service of the naive shop: calls stock and payment over HTTP through the gateway, one
after the other, and takes back by hand what it did when a later call refuses."""

import json
import os
import random
import uuid

import redis
import requests
from flask import Flask, Response, abort, jsonify

GATEWAY = os.environ["GATEWAY_URL"]
db = redis.Redis(port=int(os.environ["REDIS_PORT"]))
app = Flask("order-service")


def load_order(order_id):
    entry = db.get(order_id)
    if entry is None:
        abort(400, f"Order: {order_id} not found!")
    return json.loads(entry)


def send(method, path):
    try:
        return requests.request(method, GATEWAY + path, timeout=30)
    except requests.exceptions.RequestException:
        abort(400, "Requests error")


@app.post("/create/<user_id>")
def create_order(user_id):
    order_id = str(uuid.uuid4())
    order = {"paid": False, "items": [], "user_id": user_id, "total_cost": 0}
    db.set(order_id, json.dumps(order))
    return jsonify({"order_id": order_id})


@app.post("/batch_init/<int:n>/<int:n_items>/<int:n_users>/<int:item_price>")
def batch_init(n, n_items, n_users, item_price):
    orders = {}
    for order_id in range(n):
        items = [[str(random.randrange(n_items)), 1] for _ in range(2)]
        orders[str(order_id)] = json.dumps(
            {"paid": False, "items": items, "user_id": str(random.randrange(n_users)),
             "total_cost": 2 * item_price})
    db.mset(orders)
    return jsonify({"msg": "Batch init for orders successful"})


@app.get("/find/<order_id>")
def find_order(order_id):
    return jsonify({"order_id": order_id, **load_order(order_id)})


@app.post("/addItem/<order_id>/<item_id>/<int:quantity>")
def add_item(order_id, item_id, quantity):
    order = load_order(order_id)
    item = send("GET", f"/stock/find/{item_id}")
    if item.status_code != 200:
        abort(400, f"Item: {item_id} does not exist!")
    order["items"].append([item_id, quantity])
    order["total_cost"] += quantity * item.json()["price"]
    db.set(order_id, json.dumps(order))
    return Response(f"Item: {item_id} added to: {order_id} price updated to: "
                    f"{order['total_cost']}", mimetype="text/plain")


def give_back(taken):
    for item_id, quantity in taken:
        send("POST", f"/stock/add/{item_id}/{quantity}")


@app.post("/checkout/<order_id>")
def checkout(order_id):
    order = load_order(order_id)
    if not order["paid"]:
        taken = []
        for item_id, quantity in order["items"]:
            if send("POST", f"/stock/subtract/{item_id}/{quantity}").status_code != 200:
                give_back(taken)
                abort(400, f"Out of stock on item_id: {item_id}")
            taken.append((item_id, quantity))
        paid = send("POST", f"/payment/pay/{order['user_id']}/{order['total_cost']}")
        if paid.status_code != 200:
            give_back(taken)
            abort(400, "User out of credit")
        order["paid"] = True
        db.set(order_id, json.dumps(order))
    return Response("Checkout successful", mimetype="text/plain")
