"""Learned placement: may the thread that reads the link run calls of this name itself?

It may where the name is known to compute and not to block. What is learned, per name, is a moving
mean of the *cost*: the time a call blocks (wall clock minus the thread's own processor time), or
its whole time where that is over a tick, because the sentinel would then interrupt the reader
anyway. Over ``THRESHOLD`` the name is *aside*: its calls go to idle threads.

* Nothing is known of a stranger, whose first calls moreover import and connect; so it starts aside.
* Each of the first ``YOUNG`` calls is measured, then one in 16: the clock of a thread is a system
  call. A deposition makes the name a stranger again.
* A cost counts for ``CAP`` at most, so that one page fault or stop of the machine does not weigh as
  much as a hundred calls.
* Threads that compete for the GIL seem to block. A name that only computes could thus be kept aside
  by the very crowd that being aside makes. So a name that is aside is *tried* now and then: a few
  calls in a row in-line, in which the crowd dissolves. Each trial that fails doubles the patience
  until the next, so a name that does block pays for it less and less.

Several threads write these counters without a lock. What can be lost is a sample.
"""

from __future__ import annotations

from typing import Final

THRESHOLD: Final = 100e-6  # seconds: twice what handing a call to another thread costs
CAP: Final = 4 * THRESHOLD
TICK: Final = 1e-3  # seconds

YOUNG: Final = 4  # samples
WINDOW: Final = 8  # samples the moving mean reaches back
SAMPLED: Final = 15  # a mask: one call in 16

TRIAL: Final = 4  # calls in-line, at most: a crowd is gone after two
PROOF: Final = 2  # good calls in a row that end a trial well
PATIENCE: Final = 256  # calls aside until the first trial
MAX_PATIENCE: Final = 8192

#: Names kept apart. A Source gives registered names only; should it not, strangers share one habit.
MAX_NAMES: Final = 10_000


class Habit:
    """What is known of one name. ``aside``: its calls do not run in the reader."""

    __slots__ = ("aside", "calls", "good", "mean", "patience", "samples", "trial", "waited")

    def __init__(self) -> None:
        self.aside = True
        self.calls = 0
        self.samples = 0
        self.mean = 0.0
        self.patience = PATIENCE
        self.waited = 0
        self.trial = 0
        self.good = 0

    def due(self) -> bool:
        """Return whether this call of a name that is aside shall be tried in-line. Reader only."""
        if self.trial:
            self.trial -= 1
            return True
        self.waited += 1
        if self.waited < self.patience:
            return False
        self.waited = self.good = 0
        self.patience = min(2 * self.patience, MAX_PATIENCE)
        self.trial = TRIAL - 1
        return True

    def measured(self) -> bool:
        """Count a call and return whether it shall be measured."""
        self.calls = calls = self.calls + 1
        return self.samples < YOUNG or not calls & SAMPLED

    def learn(self, wall: float, busy: float) -> None:
        """Take in a call of ``wall`` seconds of which ``busy`` were spent computing."""
        cost = min(wall - busy if wall < TICK else wall, CAP)
        self.samples += 1
        self.mean += (cost - self.mean) / min(self.samples, WINDOW)
        self.aside = self.mean > THRESHOLD

    def learn_inline(self, wall: float, busy: float) -> None:
        """The same for a call that ran in the reader; for a name on trial it is the verdict."""
        if not self.aside:
            self.learn(wall, busy)
            return
        if wall - busy > THRESHOLD or wall > TICK:
            self.good = 0
            return
        self.good += 1
        if self.good >= PROOF:
            self.aside = False
            self.mean = wall - busy
            self.samples = YOUNG
            self.trial = 0
            self.patience = PATIENCE

    def deposed(self) -> None:
        """A call held the reader for over a tick."""
        if not self.aside:
            self.aside = True
            self.samples = 0
            self.mean = 0.0


class Placement:
    """The habits of all names."""

    def __init__(self) -> None:
        self.habits: dict[str, Habit] = {}
        self._strangers = Habit()

    def meet(self, name: str) -> Habit:
        """Return the habit of a name that has none yet."""
        if len(self.habits) >= MAX_NAMES:
            return self._strangers
        return self.habits.setdefault(name, Habit())
