"""Two engines over a pipe that loses nothing and keeps the order, driven at random.

Each side knows only its own engine and says whatever that allows at the time; messages lie under
way for as long as chance wants. Then no engine ever finds fault with the other, every call ends
exactly once on both sides, and no more is streamed than was granted.
"""

from __future__ import annotations

from collections import Counter, deque

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from chunnel.protocol.codec import encode
from chunnel.protocol.engine import Refused, Skipped
from chunnel.protocol.messages import (
    Busy,
    Call,
    Cancel,
    Chunk,
    Credit,
    End,
    Failure,
    FailureCode,
    GoAway,
    GrantCredit,
    Message,
    Ping,
    Pong,
    Result,
)

from .conversations import Pair, identity

ENDS = (Result, Failure, End, Busy)
credits = st.builds(Credit, st.integers(0, 4), st.integers(0, 40))


class TwoEngines(RuleBasedStateMachine):
    """The pair, what lies under way between them, and what each call has come to."""

    known = Bundle("known")

    @initialize()
    def greet(self):
        self.pair = Pair()
        self.to_server: deque[list[bytes]] = deque()
        self.to_client: deque[list[bytes]] = deque()
        self.made = 0
        self.cancelled: set[bytes] = set()
        self.ended_at_client: Counter[bytes] = Counter()
        self.ended_by_server: Counter[bytes] = Counter()
        self.inputs: set[bytes] = set()
        self.refused: set[bytes] = set()
        self.client_granted: Counter[bytes] = Counter()
        self.client_got: Counter[bytes] = Counter()
        self.pings_for_server: list[bytes] = []
        self.pings_for_client: list[bytes] = []

    # Saying

    def by_client(self, message: Message) -> None:
        self.to_server.append(self.pair.client.send(message, 0.0))

    def by_server(self, message: Message) -> None:
        self.to_client.append(self.pair.server.send(message, 0.0))
        if isinstance(message, ENDS):
            self.ended_by_server[message.call_id] += 1

    def answer_of(self, engine, call_id: bytes) -> str:
        open_call = engine._calls.get(call_id)
        return open_call.answer.name if open_call else ""

    def input_of(self, engine, call_id: bytes) -> str:
        open_call = engine._calls.get(call_id)
        return open_call.input.name if open_call else ""

    @precondition(lambda self: self.pair.client.state.name == "READY" and self.made < 4)
    @rule(target=known, credit=credits, input=st.booleans())
    def make_a_call(self, credit, input):
        self.made += 1
        call_id = identity(self.made)
        self.by_client(Call(call_id, "n", "json", b"", (), credit, input))
        self.client_granted[call_id] = credit.items
        if input:
            self.inputs.add(call_id)
        return call_id

    @rule(call_id=known, credit=credits)
    def grant_answer_credit(self, call_id, credit):
        if self.answer_of(self.pair.client, call_id) in ("WAITING", "STREAMING"):
            self.by_client(GrantCredit(call_id, credit))
            self.client_granted[call_id] += credit.items

    @rule(call_id=known, credit=credits)
    def grant_input_credit(self, call_id, credit):
        if self.input_of(self.pair.server, call_id) not in ("", "ABSENT"):
            self.by_server(GrantCredit(call_id, credit))

    @rule(call_id=known)
    def cancel(self, call_id):
        if self.pair.client.is_open(call_id):
            self.by_client(Cancel(call_id))
            self.cancelled.add(call_id)

    @rule(call_id=known, items=st.integers(0, 3), size=st.integers(0, 30))
    def stream_an_answer(self, call_id, items, size):
        state = self.answer_of(self.pair.server, call_id)
        self.chunk(self.pair.server, self.by_server, call_id, items, size, bool(state))

    @rule(call_id=known, items=st.integers(0, 3), size=st.integers(0, 30))
    def stream_an_input(self, call_id, items, size):
        state = self.input_of(self.pair.client, call_id)
        self.chunk(self.pair.client, self.by_client, call_id, items, size, state == "SENDING")

    def chunk(self, engine, say, call_id, items, size, allowed) -> None:
        if not allowed or not (items or size):
            return
        credit = engine.credit(call_id)
        if items <= credit.items and (credit.bytes > 0 or not size):
            say(Chunk(call_id, items, b"x" * size))

    @rule(call_id=known)
    def end_the_input(self, call_id):
        if self.input_of(self.pair.client, call_id) == "SENDING":
            self.by_client(End(call_id))

    @rule(call_id=known, which=st.integers(0, 3))
    def end_the_answer(self, call_id, which):
        state = self.answer_of(self.pair.server, call_id)
        if state:
            ends = {
                "CALLED": (Result(call_id, b""), Busy(call_id)),
                "STREAMING": (End(call_id),),
                "CANCELLED": (Result(call_id, b""), Busy(call_id), End(call_id)),
            }[state]
            failure = Failure(call_id, FailureCode.RAISED, "")
            self.by_server((*ends, failure)[which % (len(ends) + 1)])

    @rule(by_client=st.booleans(), number=st.integers(0, 200))
    def ping(self, by_client, number):
        engine = self.pair.client if by_client else self.pair.server
        token = identity(number)
        if not engine.closed and token not in engine._asked and len(engine._asked) < 64:
            (self.by_client if by_client else self.by_server)(Ping(token))

    @rule()
    def pong(self):
        if self.pings_for_server:
            self.by_server(Pong(self.pings_for_server.pop()))
        if self.pings_for_client:
            self.by_client(Pong(self.pings_for_client.pop()))

    @precondition(lambda self: self.made == 4)
    @rule()
    def server_goes_away(self):
        self.by_server(GoAway())

    @precondition(lambda self: self.made == 4)
    @rule()
    def client_goes_away(self):
        if self.pair.client.state.name != "LEAVING":
            self.by_client(GoAway())

    # Hearing

    @rule()
    def deliver_to_server(self):
        if not self.to_server:
            return
        event = self.pair.server.receive(self.to_server.popleft(), 0.0)
        if isinstance(event, Refused):
            self.refused.add(event.call_id)
            self.ended_by_server[event.call_id] += 1
            self.to_client.extend(map(encode, event.answers))
        elif isinstance(event, Ping):
            self.pings_for_server.append(event.token)

    @rule()
    def deliver_to_client(self):
        if not self.to_client:
            return
        debts = self.pair.client.debt
        event = self.pair.client.receive(self.to_client.popleft(), 0.0)
        if isinstance(event, Ping):
            self.pings_for_client.append(event.token)
        elif isinstance(event, Skipped):
            assert event.call_id in self.cancelled
            if self.pair.client.debt < debts:
                self.ended_at_client[event.call_id] += 1
        elif isinstance(event, ENDS):
            assert event.call_id not in self.cancelled
            self.ended_at_client[event.call_id] += 1
        elif isinstance(event, Chunk):
            self.client_got[event.call_id] += event.items
        elif isinstance(event, GrantCredit):
            assert event.call_id in self.inputs

    # What always holds

    @invariant()
    def credit_is_never_violated(self):
        for call_id, granted in self.client_granted.items():
            assert self.client_got[call_id] <= granted
        for engine in (self.pair.client, self.pair.server):
            for call_id in engine._calls:
                assert engine.credit(call_id).items >= 0

    @invariant()
    def no_call_ends_twice(self):
        assert all(count == 1 for count in self.ended_at_client.values())
        assert all(count == 1 for count in self.ended_by_server.values())

    @invariant()
    def nobody_finds_fault(self):
        assert not self.pair.client.closed
        assert not self.pair.server.closed

    @invariant()
    def debts_are_the_cancelled_calls_that_have_not_ended(self):
        owed = self.cancelled - set(self.ended_at_client)
        assert self.pair.client.debt == len(owed)
        assert not owed & self.pair.client.calls

    def teardown(self):
        """Let everything arrive and answer what is open: then both agree that nothing is."""
        if not hasattr(self, "pair"):
            return
        while self.to_server or self.to_client or self.pair.server.calls:
            while self.to_server:
                self.deliver_to_server()
            for call_id in self.pair.server.calls:
                self.end_the_answer(call_id, 0)
            while self.to_client:
                self.deliver_to_client()
        everything = {identity(number) for number in range(1, self.made + 1)}
        assert set(self.ended_at_client) == set(self.ended_by_server) == everything
        assert self.pair.client.calls == self.pair.server.calls == frozenset()
        assert self.pair.client.debt == 0


TestTwoEngines = TwoEngines.TestCase
TestTwoEngines.settings = settings(max_examples=150, stateful_step_count=80, deadline=None)
