"""What Chunnel is measured against: a ROUTER, msgpack, the function called in the same thread."""

from __future__ import annotations

import os
import sys

import django
import msgpack
import zmq

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.settings")
django.setup()

from benchmarks.work.rpc import echo, get  # noqa: E402

FUNCTIONS = {"echo": echo, "get": get}


def main() -> None:
    socket = zmq.Context().socket(zmq.ROUTER)
    socket.linger = 0
    port = socket.bind_to_random_port("tcp://127.0.0.1")
    print(port, flush=True)
    while True:
        peer, body = socket.recv_multipart()
        name, argument = msgpack.unpackb(body)
        socket.send_multipart([peer, msgpack.packb(FUNCTIONS[name](argument))])


if __name__ == "__main__":
    sys.exit(main())
