"""The system checks of the examples, as somebody runs them who deploys."""

from __future__ import annotations

import pytest

from ..live import run


@pytest.mark.parametrize("project", ["economy", "government"])
@pytest.mark.parametrize("options", [[], ["--deploy"]])
def test_they_have_nothing_to_say(project: str, options: list[str]) -> None:
    """Once the environment gives what no repository should hold."""
    env = {
        "DJANGO_SETTINGS_MODULE": f"example_{project}.settings",
        "DEBUG": "0",
        "SECRET_KEY": "neither-short-nor-of-few-different-characters-0123456789",
    }
    ended = run("manage.py", "check", "--fail-level", "WARNING", *options, env=env)
    assert ended.returncode == 0, ended.stderr
