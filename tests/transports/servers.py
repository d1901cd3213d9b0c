"""A server in a process of its own, to be killed and stopped: echoes until its input ends."""

from __future__ import annotations

import sys
import threading

from chunnel.transports import for_endpoint


def main(address: str) -> None:
    listener = for_endpoint(address).listen([address], {})
    sys.stdout.write(listener.endpoint + "\n")
    sys.stdout.flush()

    def wait_for_the_end() -> None:
        sys.stdin.read()
        ended.append(True)
        listener.wake()

    ended: list[bool] = []
    threading.Thread(target=wait_for_the_end, daemon=True).start()
    while not ended:
        received = listener.receive(None)
        if received and received[1]:
            peer, frames = received
            if frames != [b"silence"]:
                listener.send(peer, frames)
            if frames == [b"end"]:
                break
    listener.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
