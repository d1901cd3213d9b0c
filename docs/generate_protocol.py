"""Write the parts of docs/reference/protocol that follow from the code: run it when that changes.

    python docs/generate_protocol.py

The tables of states become a list of the states' prose, a grid and a diagram each; the constants of
``limits`` and the kinds of messages become tables. Nothing is written that is up to date already; a
test fails when anything is not.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from chunnel.protocol import limits  # noqa: E402
from chunnel.protocol.messages import KINDS, Kind  # noqa: E402
from chunnel.protocol.parts import ABOUT_ALL, WITH_BODY  # noqa: E402
from chunnel.protocol.states import TABLES, State, Table  # noqa: E402

TARGET = ROOT / "docs" / "reference" / "protocol"
NOTICE = ".. Written by docs/generate_protocol.py; do not edit.\n\n"


def files() -> dict[str, str]:
    """Return every generated file's text by its name in docs/reference/protocol."""
    made = {"kinds.inc": NOTICE + kinds(), "limits.inc": NOTICE + constants()}
    for tables in TABLES.values():
        for table in tables:
            name = f"{table.role.value}-{table.subject}"
            made[f"{name}.svg"] = Diagram(table).svg()
            made[f"{name}.inc"] = NOTICE + states(table, name)
    return made


# Tables


def list_table(widths: str, *rows: list[str]) -> str:
    lines = [".. list-table::", "   :header-rows: 1", f"   :widths: {widths}", ""]
    for row in rows:
        lines += [f"   {'*' if not n else ' '} - {cell}".rstrip() for n, cell in enumerate(row)]
    return "\n".join(lines) + "\n"


def kinds() -> str:
    """Every kind: its number, who sends it, what it carries and what it says."""
    rows = [["Number", "Kind", "Sent by", "Call id", "Body", "Meaning"]]
    for type_, kind in KINDS.items():
        senders = [role.value for role, tables in TABLES.items() if sends(tables, kind)]
        prose = " ".join(str(inspect.getdoc(type_)).split("\n\n")[0].split())
        rows.append(
            [
                str(int(kind)),
                f"``{kind.name}``",
                " and ".join(senders),
                "no" if kind in ABOUT_ALL else "yes",
                "yes" if kind in WITH_BODY else "no",
                prose,
            ]
        )
    return list_table("8 12 14 8 8 50", *rows)


def sends(tables: tuple[Table, ...], kind: Kind) -> bool:
    """Say whether the role sends the kind in any state, or opens a call with it."""
    return any(kind in state.send for table in tables for state in table.values())


def constants() -> str:
    """Every constant of the protocol and every limit of a peer, with the reason beside it."""
    rows = [["Name", "Value", "Reason"]]
    module = ast.parse(Path(str(limits.__file__)).read_text("utf-8"))
    rows += [
        [f"``{name}``", value(getattr(limits, name)), reason]
        for name, reason in documented(module.body)
    ]
    own = next(node for node in module.body if isinstance(node, ast.ClassDef))
    default = limits.Limits()
    mine = [["Name", "Default", "Reason"]] + [
        [f"``{name}``", value(getattr(default, name)), reason]
        for name, reason in documented(own.body)
    ]
    return (
        "Constants, which both peers know and none announces:\n\n"
        + list_table("22 16 62", *rows)
        + "\nWhat a peer decides for itself:\n\n"
        + list_table("22 16 62", *mine)
    )


def documented(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    """Yield the name of each assignment that a string follows, and that string."""
    for node, after in itertools.pairwise(body):
        match node, after:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(reason))),
            ):
                yield name, " ".join(reason.split()).replace("**", "\\*\\*")


def value(constant: object) -> str:
    if isinstance(constant, tuple):
        return ", ".join(map(str, constant))
    return f"{constant:,}" if isinstance(constant, int) else f"{constant}"


def states(table: Table, name: str) -> str:
    """The diagram, the states' prose and the grid of one table."""
    about = f"The {table.subject} as the {table.role.value} sees it"
    text = f".. image:: protocol/{name}.svg\n   :alt: {about}; the grid below says the same.\n\n"
    for state in table.values():
        text += f"``{state.name}``\n    {state.prose}\n\n"
    rows = [["State", *(f"{verb} {kind.name}" for verb, kind in moves(table))]]
    for state in table.values():
        cells = []
        for verb, kind in moves(table):
            following = (state.send if verb == "send" else state.receive).get(kind)
            cells.append("" if following is None else "=" if following is state else following.name)
        rows.append([f"``{state.name}``", *cells])
    turned = [list(column) for column in zip(*rows, strict=True)]  # more moves than states
    turned[0][0] = "Move"
    return text + list_table(" ".join(["28", *["18"] * (len(turned[0]) - 1)]), *turned)


def moves(table: Table) -> list[tuple[str, Kind]]:
    """Return the moves that any state of the table allows, what is sent first."""
    found = {("send", kind) for state in table.values() for kind in state.send}
    found |= {("receive", kind) for state in table.values() for kind in state.receive}
    return sorted(found, key=lambda move: (move[0] != "send", move[1]))


# Diagrams


class Diagram:
    """The states of a table one below the other, with the moves between them at their right.

    A move to another state runs in a lane: out of its box, down or up, and into the other. Moves
    that stay are lines within the box.
    """

    box, gap, line, lane, margin = 330, 34, 17, 190, 14

    style = (
        "text{font:13px sans-serif;fill:#1b1f24}.n{font-weight:bold}"
        ".b{fill:#f3f5f8;stroke:#5b6673}.f{stroke-width:3}"
        ".e{fill:none;stroke:#5b6673}.a{fill:#5b6673}"
        "@media(prefers-color-scheme:dark){text{fill:#e6e9ee}.b{fill:#1d232b;stroke:#95a1b0}"
        ".e{stroke:#95a1b0}.a{fill:#95a1b0}}"
    )

    def __init__(self, table: Table):
        self.table = table
        self.states = list(table.values())
        self.stays = [self.staying(state) for state in self.states]
        self.edges = self.moving()
        self.tops: list[float] = []
        self.ports = [0] * len(self.states)
        top = float(self.margin)
        for number, lines in enumerate(self.stays):
            self.tops.append(top)
            ends = sum((start == number) + (end == number) for start, end, _ in self.edges)
            top += max(self.line * (len(lines) + 1) + 16, 22 * ends + 10) + self.gap
        self.tops.append(top)
        self.height = top - self.gap + self.margin

    def staying(self, state: State) -> list[str]:
        lines = []
        for verb, following in (("send", state.send), ("receive", state.receive)):
            names = [kind.name for kind in sorted(following) if following[kind] is state]
            for start in range(0, len(names), 4):
                more = "," if start + 4 < len(names) else ""
                head = verb if not start else "\u2003"
                lines.append(f"{head} {', '.join(names[start : start + 4])}{more}")
        return lines

    def moving(self) -> list[tuple[int, int, list[str]]]:
        """Return the edges as (from, to, label), the shortest first."""
        found: dict[tuple[int, int], list[str]] = {}
        for start, state in enumerate(self.states):
            for verb, moves_ in (("send", state.send), ("receive", state.receive)):
                for kind in sorted(moves_):
                    end = self.states.index(moves_[kind])
                    if end != start:
                        found.setdefault((start, end), []).append(f"{verb} {kind.name}")
        return sorted(
            ((start, end, label) for (start, end), label in found.items()),
            key=lambda edge: (abs(edge[1] - edge[0]), edge),
        )

    def lanes(self) -> list[int]:
        """Give each edge the first lane in which nothing else runs beside it."""
        taken: list[list[tuple[int, int]]] = []
        chosen = []
        for start, end, _ in self.edges:
            low, high = sorted((start, end))
            free = (
                lane
                for lane, spans in enumerate(taken)
                if all(high <= other_low or low >= other_high for other_low, other_high in spans)
            )
            lane = next(free, len(taken))
            if lane == len(taken):
                taken.append([])
            taken[lane].append((low, high))
            chosen.append(lane)
        return chosen

    def port(self, number: int) -> float:
        """Return the height of the next free place at the right side of a box."""
        self.ports[number] += 1
        return self.tops[number] + 22 * self.ports[number] - 6

    def svg(self) -> str:
        """Return the diagram; it follows the reader's choice of light or dark."""
        lanes = self.lanes()
        width = self.box + self.margin + 30 + self.lane * (max(lanes, default=0) + 1)
        title = f"The {self.table.subject} as the {self.table.role.value} sees it"
        size = f"{width:g} {self.height:g}"
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" role="img" '
            + 'width="{}" height="{}">'.format(*size.split()),
            f"<title>{escape(title)}</title><style>{self.style}</style>",
        ]
        for number, state in enumerate(self.states):
            top, bottom = self.tops[number], self.tops[number + 1] - self.gap
            final = " f" if state.final else ""
            parts.append(
                f'<rect class="b{final}" x="{self.margin}" y="{top:g}" '
                f'width="{self.box}" height="{bottom - top:g}" rx="6"/>'
            )
            for row, text in enumerate([state.name, *self.stays[number]]):
                name = ' class="n"' if not row else ""
                y = top + self.line * (row + 1) + 3
                parts.append(f'<text{name} x="{self.margin + 12}" y="{y:g}">{escape(text)}</text>')
        for (start, end, label), lane in zip(self.edges, lanes, strict=True):
            parts += self.edge(self.port(start), self.port(end), label, lane)
        return "\n".join(parts) + "\n</svg>\n"

    def edge(self, start: float, end: float, label: list[str], lane: int) -> Iterator[str]:
        left = self.box + self.margin
        across = left + 30 + lane * self.lane
        yield f'<path class="e" d="M{left} {start:g}H{across}V{end:g}H{left + 8}"/>'
        yield f'<path class="a" d="M{left} {end:g}l9 -4v8z"/>'
        middle = (start + end) / 2 - self.line * (len(label) - 1) / 2 + 4
        for row, text in enumerate(label):
            yield f'<text x="{across + 6}" y="{middle + self.line * row:g}">{escape(text)}</text>'


def main() -> None:
    """Write what has changed, and say so."""
    TARGET.mkdir(parents=True, exist_ok=True)
    for name, text in files().items():
        path = TARGET / name
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
            sys.stdout.write(f"{path.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
