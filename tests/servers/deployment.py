"""What tests/servers/run.py starts: a deployment is one kind of servers, one class."""

from processes import Failed

# What may be asked of the server with a number: the word, and the method of Server.
ON_ONE_SERVER = {
    "kill": "kill",  # SIGKILL
    "end": "end",  # SIGTERM
    "start": "start",  # again, on its data; waits until it serves
    "stop": "suspend",  # SIGSTOP
    "cont": "resume",  # SIGCONT
}


class Deployment:
    """A subclass says how to start and where it is, and may add verbs to `control`. A test in
    Python uses it directly: `with Workplace() as w: d = Kafka(w, nodes=3); d.start()`."""

    summary = ""  # for --help

    @classmethod
    def arguments(cls, parser):
        """Adds the flags that it takes."""

    def __init__(self, workplace, **flags):
        """Starts nothing. A subclass names the flags that `arguments` adds, with their defaults."""
        if flags:
            raise TypeError(f"unknown: {', '.join(flags)}")
        self.workplace = workplace
        self.nodes = []  # the servers that have numbers, from 1

    def start(self):
        """Returns when all of it serves. Raises Failed."""
        raise NotImplementedError

    @property
    def url(self):
        """Where it is."""
        raise NotImplementedError

    def tried(self):
        """Tries whether it works; pairs of what was tried and how it went. Raises Failed."""
        return []

    def places(self):
        """What people may look at: pairs of a name and an address or a command."""
        return [("servers", self.url)]

    def environment(self):
        """More variables for the program."""
        return {}

    def control(self, verb, words):
        """Does what is asked, and returns words for the answer or nothing. Raises Failed."""
        if verb == "count":
            return str(len(self.nodes))
        if verb not in ON_ONE_SERVER:
            raise Failed(f"no verb '{verb}'")
        number = int(words[0])
        if not 1 <= number <= len(self.nodes):
            raise Failed(f"there is no server {number}")
        getattr(self.nodes[number - 1], ON_ONE_SERVER[verb])()
        return None
