"""The protocol without any I/O: frames in, events out, with the time as an argument.

``messages`` says what can be said, ``codec`` how it becomes frames, ``states`` when it may be said,
``credit`` how much of it, ``limits`` how large; ``engine`` holds one conversation to all of these.
Nothing here knows a socket, a clock, a thread, or the rest of Chunnel. The published contract is
``docs/reference/protocol``.
"""
