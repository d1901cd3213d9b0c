"""See two Django projects call each other: python3 scripts/demo.py

Makes an environment in .venv, fills a database in a temporary folder, starts two endpoints of the
economy and the government's website, makes real calls and prints what went where. With --keep all
stays up for you to look at, until Ctrl-C.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import environment
from environment import ROOT, Lacking, say

PATIENCE = 60  # seconds that a server may take to come up on a slow machine


class Demo:
    """The processes of the demonstration and the folder they work in."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.processes = []
        self.ports = []

    def manage(self, project, *arguments, **environ):
        """Run a command of a project to its end."""
        code = subprocess.call(
            [environment.python(), "manage.py", *arguments],
            cwd=ROOT,
            env=self.env(project, environ),
        )
        if code != 0:
            raise Lacking(f"manage.py {arguments[0]} failed.")

    def env(self, project, environ):
        database = self.folder / f"{project}.sqlite3"
        return {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": f"example_{project}.settings",
            "DATABASE_URL": f"sqlite:///{database}",
            "PYTHONUNBUFFERED": "1",
            "DJANGO_SUPERUSER_PASSWORD": "demo",
            **environ,
        }

    def start(self, project, title, *arguments, **environ):
        """Start a command that stays up; its output goes to a file named after ``title``."""
        log = self.folder / f"{title.replace(' ', '-')}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [environment.python(), "manage.py", *arguments],
                cwd=ROOT,
                env=self.env(project, environ),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C comes to us alone, and we stop them in order
            )
        self.processes.append((title, process, log))

    def wait_for_port(self, port):
        """Wait until the process started last accepts connections."""
        title, process, log = self.processes[-1]
        deadline = time.monotonic() + PATIENCE
        while process.poll() is None and time.monotonic() < deadline:
            with socket.socket() as probe:
                probe.settimeout(1)
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.05)
        sys.stderr.write(log.read_text(errors="replace"))
        raise Lacking(f"The {title} did not come up; its output stands above.")

    def port(self, wanted):
        """Return ``wanted`` if it is free, else another port."""
        for number in (wanted, 0):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", number))
                except OSError:
                    continue
                found = probe.getsockname()[1]
                if found not in self.ports:
                    self.ports.append(found)
                    return found
        raise Lacking("No free port was found.")

    def stop(self):
        """Stop what was started, last first; return the titles of what did not end well."""
        bad = []
        for title, process, _ in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGINT if "website" in title else signal.SIGTERM)
            try:
                code = process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                code = process.wait()
            if code not in (0, -signal.SIGINT):
                bad.append("%s (exit code %d)" % (title, code))
        return bad


def fetch(url):
    """Return the text of a page."""
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.read().decode()
    except urllib.error.URLError as error:
        raise Lacking(f"{url} does not answer as it should: {error}") from None


def main():
    """Run the demonstration; return the exit code."""
    keep = "--keep" in sys.argv[1:]
    environment.make("environ")
    folder = tempfile.mkdtemp(prefix="chunnel-demo-")
    demo = Demo(folder)
    try:
        show(demo, keep)
    finally:
        bad = demo.stop()
        shutil.rmtree(folder, ignore_errors=True)
    if bad:
        raise Lacking(f"Did not end cleanly: {', '.join(bad)}.")
    say("\nAll of it worked.")
    return 0


def show(demo, keep):
    """Start everything and make the calls."""
    say("Filling the databases")
    for project in ("economy", "government"):
        demo.manage(project, "migrate", "--verbosity=0")
        demo.manage(
            project,
            *("createsuperuser", "--noinput", "--username=demo", "--email=demo@example.com"),
            "--verbosity=0",
        )
    demo.manage("economy", "seed")

    endpoints = [demo.port(7070), demo.port(7071)]
    for number, port in enumerate(endpoints, 1):
        title = "economy endpoint %d" % number
        demo.start("economy", title, "runrpcserver", str(port), "--noreload", "-v2")
        demo.wait_for_port(port)
        say("The %s serves at tcp://127.0.0.1:%d" % (title, port))
    remote = "zmq://" + ",".join("127.0.0.1:%d" % port for port in endpoints)

    website = demo.port(8000)
    address = "127.0.0.1:%d" % website
    demo.start(
        "government", "government website", "runserver", address, "--noreload", ECONOMY_RPC=remote
    )
    demo.wait_for_port(website)
    say(f"The government's website is at http://{address}/")

    say(f"\nThe government calls the economy at {remote}")
    demo.manage("government", "tour", ECONOMY_RPC=remote)

    page = fetch(f"http://{address}/")
    rows = page.count('href="/citizens/')
    if rows != 25 or "10000 citizens" not in page:
        raise Lacking("The government's list of citizens is not as it should be.")
    say("\nA page of the government's website shows %d of the economy's 10,000 accounts." % rows)
    fetch(f"http://{address}/citizens/42/")
    fetch(f"http://{address}/budget/")

    say("\nWhat each endpoint served, by its own log")
    for title, _, log in demo.processes[:2]:
        lines = log.read_text(errors="replace").splitlines()
        calls = sum(" example_government " in line for line in lines)
        if not calls:
            raise Lacking(f"The {title} served nothing.")
        say("  %s: %d calls" % (title, calls))

    if keep:
        site = demo.port(8001)
        demo.start("economy", "economy website", "runserver", "127.0.0.1:%d" % site, "--noreload")
        demo.wait_for_port(site)
        say("\nEverything stays up until Ctrl-C. Log in as demo, password demo.")
        say(f"  The government      http://{address}/")
        say("  The economy         http://127.0.0.1:%d/" % site)
        say("  Its admin page      http://127.0.0.1:%d/admin/chunnel/rpcapi/" % site)
        try:
            while all(process.poll() is None for _, process, _ in demo.processes):
                time.sleep(0.5)
        except KeyboardInterrupt:
            say("\nStopping")


if __name__ == "__main__":
    environment.run(main)
