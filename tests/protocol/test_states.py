"""Every (state, kind) pair of every table, against grids written down here a second time.

A cell says what follows: ``.`` nothing may, ``=`` the state stays, a name the next state.
"""

from __future__ import annotations

import pytest

from chunnel.protocol import states
from chunnel.protocol.messages import Kind
from chunnel.protocol.states import TABLES, Role, Table

GRIDS = {
    "CLIENT_CONVERSATION": """
send      HELLO    WELCOME CALL RESULT FAILURE CHUNK END CREDIT CANCEL PING PONG BUSY GOAWAY
NEW       GREETING .       .    .      .       .     .   .      .      .    .    .    .
GREETING  .        .       .    .      .       .     .   .      .      .    .    .    .
READY     .        .       =    .      .       =     =   =      =      =    =    .    LEAVING
RETIRED   .        .       .    .      .       =     =   =      =      =    =    .    LEAVING
LEAVING   .        .       .    .      .       =     =   =      =      =    =    .    .
CLOSED    .        .       .    .      .       .     .   .      .      .    .    .    .

receive   HELLO    WELCOME CALL RESULT FAILURE CHUNK END CREDIT CANCEL PING PONG BUSY GOAWAY
NEW       .        .       .    .      .       .     .   .      .      .    .    .    .
GREETING  .        READY   .    .      .       .     .   .      .      .    .    .    CLOSED
READY     .        .       .    =      =       =     =   =      .      =    =    =    RETIRED
RETIRED   .        .       .    =      =       =     =   =      .      =    =    =    =
LEAVING   .        .       .    =      =       =     =   =      .      =    =    =    =
CLOSED    .        .       .    .      .       .     .   .      .      .    .    .    .
""",
    "SERVER_CONVERSATION": """
send      HELLO    WELCOME CALL RESULT FAILURE CHUNK END CREDIT CANCEL PING PONG BUSY GOAWAY
NEW       .        .       .    .      .       .     .   .      .      .    .    .    .
GREETED   .        READY   .    .      .       .     .   .      .      .    .    .    CLOSED
READY     .        .       .    =      =       =     =   =      .      =    =    =    RETIRING
RETIRING  .        .       .    =      =       =     =   =      .      =    =    =    =
LEFT      .        .       .    =      =       =     =   =      .      =    =    =    =
CLOSED    .        .       .    .      .       .     .   .      .      .    .    .    .

receive   HELLO    WELCOME CALL RESULT FAILURE CHUNK END CREDIT CANCEL PING PONG BUSY GOAWAY
NEW       GREETED  .       .    .      .       .     .   .      .      .    .    .    .
GREETED   .        .       .    .      .       .     .   .      .      .    .    .    .
READY     .        .       =    .      .       =     =   =      =      =    =    .    LEFT
RETIRING  .        .       =    .      .       =     =   =      =      =    =    .    LEFT
LEFT      .        .       .    .      .       =     =   =      =      =    =    .    .
CLOSED    .        .       .    .      .       .     .   .      .      .    .    .    .
""",
    "CLIENT_ANSWER": """
send      HELLO    WELCOME CALL RESULT FAILURE CHUNK END CREDIT CANCEL    PING PONG BUSY GOAWAY
WAITING   .        .       .    .      .       .     .   =      ABANDONED .    .    .    .
STREAMING .        .       .    .      .       .     .   =      ABANDONED .    .    .    .
ABANDONED .        .       .    .      .       .     .   .      .         .    .    .    .
OVER      .        .       .    .      .       .     .   .      .         .    .    .    .

receive   HELLO    WELCOME CALL RESULT FAILURE CHUNK     END  CREDIT CANCEL PING PONG BUSY GOAWAY
WAITING   .        .       .    OVER   OVER    STREAMING .    .      .      .    .    OVER .
STREAMING .        .       .    .      OVER    =         OVER .      .      .    .    .    .
ABANDONED .        .       .    OVER   OVER    =         OVER .      .      .    .    OVER .
OVER      .        .       .    .      .       .         .    .      .      .    .    .    .
""",
    "SERVER_ANSWER": """
send      HELLO    WELCOME CALL RESULT FAILURE CHUNK     END  CREDIT CANCEL PING PONG BUSY GOAWAY
CALLED    .        .       .    OVER   OVER    STREAMING .    .      .      .    .    OVER .
STREAMING .        .       .    .      OVER    =         OVER .      .      .    .    .    .
CANCELLED .        .       .    OVER   OVER    =         OVER .      .      .    .    OVER .
OVER      .        .       .    .      .       .         .    .      .      .    .    .    .

receive   HELLO    WELCOME CALL RESULT FAILURE CHUNK END CREDIT CANCEL    PING PONG BUSY GOAWAY
CALLED    .        .       .    .      .       .     .   =      CANCELLED .    .    .    .
STREAMING .        .       .    .      .       .     .   =      CANCELLED .    .    .    .
CANCELLED .        .       .    .      .       .     .   .      .         .    .    .    .
OVER      .        .       .    .      .       .     .   .      .         .    .    .    .
""",
    "CLIENT_INPUT": """
send      HELLO    WELCOME CALL RESULT FAILURE CHUNK END  CREDIT CANCEL  PING PONG BUSY GOAWAY
SENDING   .        .       .    .      .       =     SENT .      STOPPED .    .    .    .
SENT      .        .       .    .      .       .     .    .      STOPPED .    .    .    .
STOPPED   .        .       .    .      .       .     .    .      .       .    .    .    .
ABSENT    .        .       .    .      .       .     .    .      =       .    .    .    .

receive   HELLO    WELCOME CALL RESULT FAILURE CHUNK END  CREDIT CANCEL  PING PONG BUSY GOAWAY
SENDING   .        .       .    .      .       .     .    =      .       .    .    .    .
SENT      .        .       .    .      .       .     .    =      .       .    .    .    .
STOPPED   .        .       .    .      .       .     .    =      .       .    .    .    .
ABSENT    .        .       .    .      .       .     .    .      .       .    .    .    .
""",
    "SERVER_INPUT": """
send      HELLO    WELCOME CALL RESULT FAILURE CHUNK END  CREDIT CANCEL  PING PONG BUSY GOAWAY
RECEIVING .        .       .    .      .       .     .    =      .       .    .    .    .
RECEIVED  .        .       .    .      .       .     .    =      .       .    .    .    .
STOPPED   .        .       .    .      .       .     .    =      .       .    .    .    .
ABSENT    .        .       .    .      .       .     .    .      .       .    .    .    .

receive   HELLO    WELCOME CALL RESULT FAILURE CHUNK END      CREDIT CANCEL  PING PONG BUSY GOAWAY
RECEIVING .        .       .    .      .       =     RECEIVED .      STOPPED .    .    .    .
RECEIVED  .        .       .    .      .       .     .        .      STOPPED .    .    .    .
STOPPED   .        .       .    .      .       .     .        .      .       .    .    .    .
ABSENT    .        .       .    .      .       .     .        .      =       .    .    .    .
""",
}  # fmt: skip


def _cells():
    """Yield each cell of each grid as a parameter of the test."""
    for name, grid in GRIDS.items():
        direction, kinds = "", []
        for line in filter(str.strip, grid.splitlines()):
            first, *cells = line.split()
            if first in ("send", "receive"):
                direction, kinds = first, cells
                continue
            for kind, cell in zip(kinds, cells, strict=True):
                place = f"{name}-{first}-{direction}-{kind}"
                yield pytest.param(name, first, direction, Kind[kind], cell, id=place)


CELLS = list(_cells())
ALL_TABLES = [table for tables in TABLES.values() for table in tables]


@pytest.mark.parametrize(("name", "state", "direction", "kind", "expected"), CELLS)
def test_a_pair_of_state_and_kind_leads_where_the_grid_says(name, state, direction, kind, expected):
    """Each move leads to the state that stands in the grid, or is not allowed."""
    table: Table = getattr(states, name)
    following = getattr(table[state], direction).get(kind)
    wanted = {".": None, "=": table[state]}.get(expected) or table.get(expected)
    assert following is wanted


def test_the_grids_hold_every_pair():
    """No state, kind or direction of any table is missing from the grids, and none is made up."""
    written = [(c.values[0], c.values[1], c.values[2], c.values[3]) for c in CELLS]
    by_name = {name: getattr(states, name) for name in GRIDS}
    existing = {
        (name, state, direction, kind)
        for name, table in by_name.items()
        for state in table
        for direction in ("send", "receive")
        for kind in Kind
    }
    assert len(written) == len(set(written))
    assert set(written) == existing
    assert {id(table) for table in by_name.values()} == {id(table) for table in ALL_TABLES}


@pytest.mark.parametrize(
    "table", ALL_TABLES, ids=lambda table: f"{table.role.value}-{table.subject}"
)
def test_every_state_says_what_it_waits_for_and_can_be_reached(table):
    """A state has prose of its own; each but ABSENT, which is a beginning too, follows another."""
    proses = [state.prose for state in table.values()]
    assert all(prose.endswith(".") and len(prose) > 15 for prose in proses)
    assert len(set(proses)) == len(proses)
    reached, found = {table.first}, [table.first]
    while found:
        state = found.pop()
        for following in (*state.send.values(), *state.receive.values()):
            if following not in reached:
                reached.add(following)
                found.append(following)
    missing = {state.name for state in table.values()} - {state.name for state in reached}
    # CLOSED of a client is also reached by time and by a GOAWAY that is final.
    assert missing == ({"ABSENT"} if table.subject == "input" else set())


@pytest.mark.parametrize("subject", ["conversation", "answer", "input"])
def test_what_one_may_send_the_other_takes_somewhere(subject):
    """The roles speak one language: a kind that one sends is one that the other receives."""
    ours, theirs = (getattr(TABLES[role], subject) for role in (Role.CLIENT, Role.SERVER))
    for one, other in ((ours, theirs), (theirs, ours)):
        sent = {kind for state in one.values() for kind in state.send}
        taken = {kind for state in other.values() for kind in state.receive}
        assert sent == taken


def test_a_final_state_has_no_way_out():
    """Only CLOSED, OVER and the like are final."""
    final = {state.name for table in ALL_TABLES for state in table.values() if state.final}
    assert final == {"CLOSED", "OVER"}
    assert repr(states.CLIENT_ANSWER["OVER"]) == "<State OVER>"
    assert len(states.CLIENT_ANSWER) == 4
