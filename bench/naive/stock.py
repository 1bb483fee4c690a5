"""The stock service of the naive shop. It reads, computes and writes: two requests for one item
at the same time can lose one of the two changes."""

import json
import os
import uuid

import redis
from flask import Flask, Response, abort, jsonify

db = redis.Redis(port=int(os.environ["REDIS_PORT"]))
app = Flask("stock-service")


def load_item(item_id):
    entry = db.get(item_id)
    if entry is None:
        abort(400, f"Item: {item_id} not found!")
    return json.loads(entry)


def change(item_id, amount):
    item = load_item(item_id)
    item["stock"] += amount
    if item["stock"] < 0:
        abort(400, f"Item: {item_id} stock cannot get reduced below zero!")
    db.set(item_id, json.dumps(item))
    return Response(f"Item: {item_id} stock updated to: {item['stock']}", mimetype="text/plain")


@app.post("/item/create/<int:price>")
def create_item(price):
    item_id = str(uuid.uuid4())
    db.set(item_id, json.dumps({"stock": 0, "price": price}))
    return jsonify({"item_id": item_id})


@app.post("/batch_init/<int:n>/<int:starting_stock>/<int:item_price>")
def batch_init(n, starting_stock, item_price):
    item = json.dumps({"stock": starting_stock, "price": item_price})
    db.mset({str(item_id): item for item_id in range(n)})
    return jsonify({"msg": "Batch init for stock successful"})


@app.get("/find/<item_id>")
def find_item(item_id):
    return jsonify(load_item(item_id))


@app.post("/add/<item_id>/<int:amount>")
def add_stock(item_id, amount):
    return change(item_id, amount)


@app.post("/subtract/<item_id>/<int:amount>")
def subtract_stock(item_id, amount):
    return change(item_id, -amount)
