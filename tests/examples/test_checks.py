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


def test_a_browser_stays_logged_in_to_both() -> None:
    """They stand on ports of one host, and cookies know no ports, so theirs have other names."""
    names = (
        "from django.conf import settings as s; print(s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME)"
    )
    cookies = [
        run(
            "-c",
            names,
            env={"DJANGO_SETTINGS_MODULE": f"example_{project}.settings"},
        ).stdout.split()
        for project in ("economy", "government")
    ]
    assert [len(each) for each in cookies] == [2, 2]
    assert not set(cookies[0]) & set(cookies[1])
