"""The payment service of the naive shop; like the stock service, it reads, computes and writes."""

import json
import os
import uuid

import redis
from flask import Flask, Response, abort, jsonify

db = redis.Redis(port=int(os.environ["REDIS_PORT"]))
app = Flask("payment-service")


def load_user(user_id):
    entry = db.get(user_id)
    if entry is None:
        abort(400, f"User: {user_id} not found!")
    return json.loads(entry)


def change(user_id, amount):
    user = load_user(user_id)
    user["credit"] += amount
    if user["credit"] < 0:
        abort(400, f"User: {user_id} credit cannot get reduced below zero!")
    db.set(user_id, json.dumps(user))
    return Response(f"User: {user_id} credit updated to: {user['credit']}", mimetype="text/plain")


@app.post("/create_user")
def create_user():
    user_id = str(uuid.uuid4())
    db.set(user_id, json.dumps({"credit": 0}))
    return jsonify({"user_id": user_id})


@app.post("/batch_init/<int:n>/<int:starting_money>")
def batch_init(n, starting_money):
    user = json.dumps({"credit": starting_money})
    db.mset({str(user_id): user for user_id in range(n)})
    return jsonify({"msg": "Batch init for users successful"})


@app.get("/find_user/<user_id>")
def find_user(user_id):
    return jsonify({"user_id": user_id, **load_user(user_id)})


@app.post("/add_funds/<user_id>/<int:amount>")
def add_funds(user_id, amount):
    return change(user_id, amount)


@app.post("/pay/<user_id>/<int:amount>")
def pay(user_id, amount):
    return change(user_id, -amount)
