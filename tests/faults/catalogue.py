"""The faults that the campaign knows. Each is a function of a stage: it strikes, waits, and starts
again or wakes what it hit; the stage then waits until service is back."""

import time

ROLES = ("order", "stock", "payment")
# Seconds that a process stands still: mostly short; share, from, to.
STOPS = ((0.70, 1, 3), (0.20, 3, 10), (0.08, 10, 30), (0.02, 30, 60))
HELD_SECONDS = (0.2, 1.5)  # of acknowledged writes that the replica lacks
BLOCKED_SECONDS = (1, 8)
FAILOVER_SECONDS = 10  # until one that was asked for is given up


class Fault:
    def __init__(self, component, name, weight, fits, act):
        """`fits(deployment's flags)`; `act(stage)` returns more to record, or nothing."""
        self.component, self.name, self.weight = component, name, weight
        self.fits, self.act = fits, act

    @property
    def title(self):
        return f"{self.component}: {self.name}"


def seconds_still(stage):
    low, high = stage.random.choices([(low, high) for _, low, high in STOPS],
                                     [share for share, *_ in STOPS])[0]
    return min(stage.random.uniform(low, high), stage.longest_stop)


def kill_and_start(stage, node, rest=(0.0, 3.0)):
    stage.strike(node.kill)
    stage.pause(*rest)
    stage.start(node)
    return {"who": node.name}


def restart(stage, node, serves):
    """Of what nothing takes the place of."""
    stage.strike(node.kill)
    stage.start(node)
    stage.await_replacement(serves)
    return {"who": node.name}


def stand_still(stage, node, replaced=None):
    seconds = seconds_still(stage)
    stage.strike(node.suspend)
    until = time.monotonic() + seconds
    if replaced:
        stage.note_replacement(replaced, until)
    time.sleep(max(0, until - time.monotonic()))
    node.resume()
    return {"who": node.name, "lasted_s": round(seconds, 2)}


# Settle processes.

def any_worker(stage):
    return stage.random.choice(stage.workers(stage.random.choice(ROLES)))


def kill_worker(stage):
    alone = len(stage.workers("order")) == 1
    # Somebody starts again what has nobody to take its place.
    return kill_and_start(stage, any_worker(stage), (0, 0) if alone else (0.0, 3.0))


def kill_gateway(stage):
    return kill_and_start(stage, stage.random.choice(stage.gateways()))


# One Redis.

def kill_redis(stage):
    return restart(stage, stage.server(1), lambda: stage.store.serves(1))


def wipe_redis(stage):
    stage.strike(lambda: stage.store.wipe(1))


# Redis with Sentinel.

def sentinel_failover(stage, act, former):
    stage.strike(act)
    stage.await_replacement(lambda: stage.store.master() != former)
    return {"who": stage.server(former).name}


def kill_master(stage):
    former = stage.store.master()
    told = sentinel_failover(stage, stage.server(former).kill, former)
    stage.pause(0, 2)
    stage.start(stage.server(former))
    return told


def kill_held_master(stage):
    former = stage.store.master()
    stage.store.cut(former)
    stage.pause(*HELD_SECONDS)
    told = sentinel_failover(stage, stage.server(former).kill, former)
    stage.start(stage.server(former))
    mend(stage, former)
    return told


def stop_master(stage):
    former = stage.store.master()
    return stand_still(stage, stage.server(former), lambda: stage.store.master() != former)


def stop_held_master(stage):
    """It goes on as a master that nobody follows, until the sentinels tell it."""
    former = stage.store.master()
    stage.store.cut(former)
    stage.pause(*HELD_SECONDS)
    told = sentinel_failover(stage, stage.server(former).suspend, former)
    stage.pause(0, 2)
    stage.server(former).resume()
    mend(stage, former)
    return told


def ask_for_failover(stage):
    former = stage.store.master()
    asked = 0.0

    def ask():
        nonlocal asked
        asked = time.monotonic()
        stage.store.control("failover", [])

    def replaced():
        # One is given up when another sentinel, late with the news, makes the new master a replica.
        if stage.store.master() == former and time.monotonic() > asked + FAILOVER_SECONDS:
            ask()
        return stage.store.master() != former

    stage.strike(ask)
    stage.await_replacement(replaced)
    return {"who": stage.server(former).name}


def kill_replica(stage):
    master = stage.store.master()
    others = [n for n in range(1, stage.store.count + 1) if n != master]
    return kill_and_start(stage, stage.server(stage.random.choice(others)))


def kill_sentinel(stage):
    return kill_and_start(stage, stage.random.choice(stage.store.nodes[stage.store.count:]))


def split_master(stage):
    """Its machine is cut off with all that is on it, but for the clients and the brokers: two
    masters are at work, each with its owners, until the sentinels hear of both."""
    former = stage.store.master()
    seconds = stage.random.uniform(2, 12)
    stage.strike(lambda: stage.machines.cut(former))
    until = time.monotonic() + seconds
    stage.note_replacement(lambda: stage.store.master() != former, until)
    time.sleep(max(0, until - time.monotonic()))
    stage.machines.mend(former)
    return {"who": stage.server(former).name, "lasted_s": round(seconds, 2)}


def split_replica(stage):
    master = stage.store.master()
    number = stage.random.choice([n for n in (1, 2, 3) if n != master])
    seconds = stage.random.uniform(1, 8)
    stage.strike(lambda: stage.machines.cut(number))
    time.sleep(seconds)
    stage.machines.mend(number)
    return {"who": stage.server(number).name, "lasted_s": round(seconds, 2)}


def mend(stage, number):
    stage.server(number).wait_until_ready()
    stage.store.mend(number)


# A cluster.

def cluster_master(stage):
    """The number of one that has slots of ours."""
    service = stage.random.choice(ROLES)
    index = stage.random.randrange(stage.deployment.partitions)
    slot = stage.store.slot(f"settle:{{{service}:{index}}}")
    return stage.store.owner(slot, stage.store.running()[0]), slot


def other_owner(stage, slot, former):
    """Asks whether all others say so."""
    others = [n for n in stage.store.running() if n != former]
    return lambda: all(stage.store.owner(slot, n) != former for n in others)


def kill_cluster_master(stage, held=False, act="kill"):
    former, slot = cluster_master(stage)
    replaced = other_owner(stage, slot, former)
    if held:
        stage.store.cut(former)
        stage.pause(*HELD_SECONDS)
    node = stage.server(former)
    stage.strike(getattr(node, act))
    stage.await_replacement(replaced)
    stage.pause(0, 2)
    if act == "suspend":
        node.resume()
    else:
        stage.start(node)
    if held:
        mend(stage, former)
    return {"who": node.name}


def kill_held_cluster_master(stage):
    return kill_cluster_master(stage, held=True)


def stop_held_cluster_master(stage):
    return kill_cluster_master(stage, held=True, act="suspend")


def stop_cluster_master(stage):
    former, slot = cluster_master(stage)
    return stand_still(stage, stage.server(former), other_owner(stage, slot, former))


def kill_cluster_replica(stage):
    asked = stage.store.running()[0]
    replicas = [row["number"] for row in stage.store.table(asked) if "slave" in row["flags"]]
    return kill_and_start(stage, stage.server(stage.random.choice(replicas)))


# Kafka and RabbitMQ.

def kill_only_broker(stage):
    return restart(stage, stage.brokers.nodes[0], stage.brokers.in_step)


def stop_only_broker(stage):
    return stand_still(stage, stage.brokers.nodes[0])


# Kafka.

def broker(stage, controller):
    active = stage.brokers.controller()
    others = [n for n in range(1, len(stage.brokers.nodes) + 1) if n != active]
    return stage.brokers.nodes[(active if controller else stage.random.choice(others)) - 1]


def kill_controller(stage):
    return kill_and_start(stage, broker(stage, True), (0.0, 6.0))


def kill_broker(stage):
    return kill_and_start(stage, broker(stage, False), (0.0, 6.0))


def stop_controller(stage):
    return stand_still(stage, broker(stage, True))


def stop_broker(stage):
    return stand_still(stage, broker(stage, False))


# RabbitMQ.

def rabbit(stage, which):
    """The node whose number `which` says."""
    return stage.brokers.nodes[stage.answer(lambda: which(stage)) - 1]


def led_without(stage, node):
    """Tells whether the others lead all streams. A look costs them some milliseconds."""
    others = set(stage.brokers.numbers()) - {stage.brokers.nodes.index(node) + 1}

    def look():
        time.sleep(0.1)
        return stage.brokers.all_led(others)

    return look


def kill_rabbit(which):
    def act(stage):
        node = rabbit(stage, which)
        rest = stage.random.uniform(0.0, 6.0)
        led = led_without(stage, node)
        stage.strike(node.kill)
        until = time.monotonic() + rest
        stage.note_replacement(led, until)
        time.sleep(max(0, until - time.monotonic()))
        stage.start(node)
        return {"who": node.name}

    return act


def stop_rabbit(which):
    def act(stage):
        node = rabbit(stage, which)
        return stand_still(stage, node, led_without(stage, node))

    return act


def any_rabbit(stage):
    return stage.random.choice(stage.brokers.numbers())


def leads_most(stage):
    return stage.brokers.busiest()


def leads_coordinator(stage):
    return stage.brokers.coordinator()


def has_most_clients(stage):
    return max(stage.brokers.numbers(), key=stage.brokers.connections)


def lose_connections(stage):
    stage.strike(lambda: stage.brokers.control("close", []))


def block(stage):
    """No node takes records, as if memory were short."""
    seconds = stage.random.uniform(*BLOCKED_SECONDS)
    stage.strike(lambda: stage.brokers.control("alarm", ["on"]))
    time.sleep(seconds)
    stage.brokers.control("alarm", ["off"])
    return {"lasted_s": round(seconds, 2)}


def always(_):
    return True


def several(flags):
    return flags["each"] > 1


def alone(flags):
    return flags["each"] == 1


def splits(flags):
    return flags["splits"]


def stored_in(name):
    return lambda flags: flags["store"] == name


def brokers(count, *logs):
    """Any log if none is named."""
    return lambda flags: flags["brokers"] == count and (not logs or flags["log"] in logs)


def over(log):
    return lambda flags: flags["log"] == log


FAULTS = [
    Fault("gateway", "kill", 5, always, kill_gateway),
    Fault("gateway", "stop", 1, always,
          lambda stage: stand_still(stage, stage.random.choice(stage.gateways()))),
    Fault("worker", "kill", 8, several, kill_worker),
    Fault("worker", "stop", 2, several, lambda stage: stand_still(stage, any_worker(stage))),
    Fault("worker alone in its role", "kill", 8, alone, kill_worker),
    Fault("worker alone in its role", "stop", 2, alone,
          lambda stage: stand_still(stage, any_worker(stage))),
    Fault("redis", "kill", 3, stored_in("redis"), kill_redis),
    Fault("redis", "stop", 2, stored_in("redis"),
          lambda stage: stand_still(stage, stage.server(1))),
    Fault("redis", "wipe", 1, stored_in("redis"), wipe_redis),
    Fault("redis master (Sentinel)", "kill", 4, stored_in("redis-sentinel"), kill_master),
    Fault("redis master (Sentinel)", "kill, replica held back", 4, stored_in("redis-sentinel"),
          kill_held_master),
    Fault("redis master (Sentinel)", "stop", 1, stored_in("redis-sentinel"), stop_master),
    Fault("redis master (Sentinel)", "stop, replica held back", 1, stored_in("redis-sentinel"),
          stop_held_master),
    Fault("redis master (Sentinel)", "fail-over asked for", 1, stored_in("redis-sentinel"),
          ask_for_failover),
    Fault("redis master (Sentinel)", "split off", 6, splits, split_master),
    Fault("redis replica", "split off", 2, splits, split_replica),
    Fault("redis replica", "kill", 1, stored_in("redis-sentinel"), kill_replica),
    Fault("sentinel", "kill", 1, stored_in("redis-sentinel"), kill_sentinel),
    Fault("redis master (Cluster)", "kill", 4, stored_in("redis-cluster"), kill_cluster_master),
    Fault("redis master (Cluster)", "kill, replica held back", 4, stored_in("redis-cluster"),
          kill_held_cluster_master),
    Fault("redis master (Cluster)", "stop", 1, stored_in("redis-cluster"), stop_cluster_master),
    Fault("redis master (Cluster)", "stop, replica held back", 1, stored_in("redis-cluster"),
          stop_held_cluster_master),
    Fault("redis replica", "kill", 1, stored_in("redis-cluster"), kill_cluster_replica),
    Fault("broker", "kill", 3, brokers(3, "kafka"), kill_broker),
    Fault("broker", "stop", 1, brokers(3, "kafka"), stop_broker),
    Fault("broker, active controller", "kill", 2, brokers(3, "kafka"), kill_controller),
    Fault("broker, active controller", "stop", 1, brokers(3, "kafka"), stop_controller),
    Fault("broker", "kill", 1, brokers(3, "rabbitmq"), kill_rabbit(any_rabbit)),
    Fault("broker, leads most streams", "kill", 3, brokers(3, "rabbitmq"), kill_rabbit(leads_most)),
    Fault("broker, leads most streams", "stop", 1, brokers(3, "rabbitmq"), stop_rabbit(leads_most)),
    Fault("broker, leads the coordinator", "kill", 1, brokers(3, "rabbitmq"),
          kill_rabbit(leads_coordinator)),
    Fault("broker, leads the coordinator", "stop", 1, brokers(3, "rabbitmq"),
          stop_rabbit(leads_coordinator)),
    Fault("broker, most clients", "kill", 2, brokers(3, "rabbitmq"), kill_rabbit(has_most_clients)),
    Fault("broker, most clients", "stop", 1, brokers(3, "rabbitmq"), stop_rabbit(has_most_clients)),
    Fault("brokers", "connections lost", 2, over("rabbitmq"), lose_connections),
    Fault("brokers", "blocked", 1, over("rabbitmq"), block),
    Fault("only broker", "kill", 1, brokers(1), kill_only_broker),
    Fault("only broker", "stop", 1, brokers(1), stop_only_broker),
]
