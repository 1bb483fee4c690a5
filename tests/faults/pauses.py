"""What clients see of a fault: the requests that it holds up, and the tries that fail.

The pause of a fault is the longest time that any request took, from its first try to its definite
answer, that was under way or began between the fault and the moment when service was back."""

import threading
import time


class Request:
    __slots__ = ("what", "begun", "ended", "troubles", "definite")

    def __init__(self, what, begun):
        self.what, self.begun, self.ended = what, begun, None
        self.troubles, self.definite = [], False


class Watch:
    """Thread-safe; see workload.Unwatched."""

    def __init__(self):
        self.lock = threading.Lock()
        self.under_way, self.ended = set(), []

    def begin(self, what):
        request = Request(what, time.monotonic())
        with self.lock:
            self.under_way.add(request)
        return request

    def trouble(self, request, answer):
        request.troubles.append(str(answer.status) if answer is not None else "no answer")

    def end(self, request, definite):
        with self.lock:
            request.ended, request.definite = time.monotonic(), definite
            self.under_way.discard(request)
            self.ended.append(request)

    def is_calm(self, seconds, limit):
        """Whether enough requests ended in the last `seconds`, and none of these, nor any that is
        under way, took longer than `limit` or met trouble."""
        now = time.monotonic()
        with self.lock:
            waiting = [now - request.begun for request in self.under_way]
            recent = []
            for request in reversed(self.ended):
                if request.ended < now - seconds:
                    break
                recent.append(request)
        return (len(recent) >= 10 and max(waiting, default=0) <= limit
                and all(r.ended - r.begun <= limit and not r.troubles for r in recent))

    def since(self, begun):
        """All that were under way since then and are ended; what ended earlier is forgotten."""
        with self.lock:
            self.ended = [request for request in self.ended if request.ended >= begun]
            return list(self.ended)


def seen(requests):
    """For the results: the pause, the request that took longest, and what went wrong."""
    slowest = max(requests, key=lambda r: r.ended - r.begun, default=None)
    troubles = [trouble for request in requests for trouble in request.troubles]
    return {
        "requests": len(requests),
        "pause_s": round(slowest.ended - slowest.begun, 3) if slowest else None,
        "slowest": slowest.what if slowest else None,
        "errors": {kind: troubles.count(kind) for kind in sorted(set(troubles))},
        "undefined": sum(not request.definite for request in requests),
    }


def percentile(values, share):
    """The smallest value that at least this share of them does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * share // 100) - 1)] if ordered else None
