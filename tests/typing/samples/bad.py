"""Mistakes that a type checker finds; each line names the error it must give."""

from __future__ import annotations

from chunnel import expose, nothing, remote, remotes  # E: attr-defined
from chunnel.conf import parse_remote_url

remote.economy.money.balance(1)
remotes["economy"].pong()  # E: attr-defined
parse_remote_url(7070)  # E: arg-type


@expose
def balance(uid: int) -> int:
    return uid


balance("x")  # E: arg-type
