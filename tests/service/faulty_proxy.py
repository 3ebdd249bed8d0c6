"""A proxy of TCP that cuts, slows, halves, repeats and delays what passes through it."""

import socket
import time
from contextlib import suppress
from random import Random
from threading import Event, Lock, Thread

FAULTS = ("cut", "deaf", "half", "slow", "again", "late")


class FaultyProxy:
    """Listens on `port` and hands each connection on, with a fault of its own.

    - ``cut``: both ways end in the middle of a request
    - ``deaf``: the request arrives, its answer does not
    - ``half``: half a request arrives, then nothing, and after a while the line ends
    - ``slow``: it trickles
    - ``again``: the whole connection is sent a second time at once
    - ``late``: the whole connection is sent a second time later, after others

    A connection with a fault is cut sooner or later in any case, so that there are many.
    """

    def __init__(self, target, seed):
        self._target, self._rng, self._lock = target, Random(seed), Lock()
        self._late, self._stop = [], Event()
        self.faulty, self.seen = True, {name: 0 for name in FAULTS}
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = self._door.getsockname()[1]
        self._threads = [Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self):
        self._stop.set()
        with suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()

    def send_what_is_late(self):
        """Send, in another order, what was put by; return how many connections."""
        with self._lock:
            late, self._late = self._late, []
            self._rng.shuffle(late)
        for sent in late:
            self._repeat(sent)
        return len(late)

    def _accept(self):
        while not self._stop.is_set():
            try:
                client, _ = self._door.accept()
            except OSError:
                return
            with self._lock:
                fault = self._rng.choice(FAULTS) if self.faulty else None
                after = self._rng.randrange(1, 6000)
                after += 0 if fault in ("cut", "half") else 4000
            if fault:
                self.seen[fault] += 1
            Thread(target=self._carry, args=(client, fault, after), daemon=True).start()

    def _carry(self, client, fault, after):
        server = socket.create_connection(("127.0.0.1", self._target))
        sent = bytearray()
        back = Thread(target=self._answer, args=(server, client, fault == "deaf"), daemon=True)
        back.start()
        with suppress(OSError):
            while data := client.recv(1024 if fault == "slow" else 65536):
                if fault and len(sent) + len(data) > after:
                    part = data[: max(0, after - len(sent))]
                    sent += part
                    server.sendall(part)
                    if fault == "half":
                        time.sleep(0.2)
                    break
                if fault == "slow":
                    time.sleep(0.002)
                server.sendall(data)
                sent += data
        for end in (client, server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        if fault == "again":
            self._repeat(bytes(sent))
        elif fault == "late":
            with self._lock:
                self._late.append(bytes(sent))

    def _answer(self, server, client, deaf):
        with suppress(OSError):
            while data := server.recv(65536):
                if deaf:
                    client.shutdown(socket.SHUT_RDWR)
                    return
                client.sendall(data)
            client.shutdown(socket.SHUT_RDWR)

    def _repeat(self, sent):
        """Send a whole connection again and let its answers fall."""
        if not sent:
            return
        with suppress(OSError), socket.create_connection(("127.0.0.1", self._target)) as server:
            server.settimeout(0.3)
            server.sendall(sent)
            with suppress(TimeoutError):
                while server.recv(65536):
                    pass
