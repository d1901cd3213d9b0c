"""The virtual environment that demo.py and test.py run in; the standard library only.

Old Pythons read this file too, to say that they are too old: no syntax of the last years here.
"""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
OLDEST = (3, 11)
# A link to a wheel of pip on the page of a package index.
WHEEL = re.compile(r'<a [^>]*?href="([^"#]*/(pip-[^"/#]+\.whl))#sha256=([0-9a-f]{64})"[^>]*>')
CANDIDATES = ("python3.14", "python3.13", "python3.12", "python3.11")


class Lacking(Exception):
    """The machine lacks something; the message is the sentence to print."""


def use_new_python():
    """Go on under a Python that is new enough: this one, or the newest on PATH."""
    if sys.version_info[:2] >= OLDEST:
        return
    for name in CANDIDATES:
        path = shutil.which(name)
        # A version manager's shim may stand for a version that is not installed: ask it.
        if path and subprocess.call([path, "-c", ""], stderr=subprocess.DEVNULL) == 0:
            os.execv(path, [path, *sys.argv])
    raise Lacking(
        "This needs Python 3.11 or newer, and python3 is %d.%d; install python3.11, for instance."
        % sys.version_info[:2]
    )


def python():
    """Return the path of the environment's interpreter."""
    return str(VENV / "bin" / "python")


def make(extras):
    """Make the environment with Chunnel and these extras, or bring it up to date.

    What setup.cfg asks for is installed only when it changed since the last time.
    """
    if not Path(python()).exists():
        _create()
    wanted = hashlib.sha256((ROOT / "setup.cfg").read_bytes()).hexdigest()
    marker = VENV / f"installed-{extras}"
    if marker.exists() and marker.read_text() == wanted:
        return
    say("Installing Chunnel and what it needs into .venv")
    command = [python(), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if subprocess.call([*command, "--editable", f"{ROOT}[{extras}]"]) != 0:
        raise Lacking("pip could not install what Chunnel needs; is the network there?")
    marker.write_text(wanted)


def _create():
    say("Making an environment in .venv")
    try:
        import venv  # noqa: F401
    except ImportError:
        raise Lacking("Python's venv is missing here; try: apt install python3-venv") from None
    try:
        import ensurepip  # noqa: F401

        with_pip = True
    except ImportError:  # Debian keeps it in python3-venv
        with_pip = False
    command = [sys.executable, "-m", "venv", "--clear", str(VENV)]
    if subprocess.call(command if with_pip else [*command, "--without-pip"]) != 0:
        shutil.rmtree(VENV, ignore_errors=True)
        raise Lacking("No environment could be made; try: apt install python3-venv")
    if not with_pip:
        try:
            _fetch_pip()
        except (OSError, ValueError, subprocess.CalledProcessError):
            shutil.rmtree(VENV, ignore_errors=True)
            raise Lacking(
                "This Python has no pip and none could be fetched; try: apt install python3-venv"
            ) from None


def _fetch_pip():
    """Install pip from its own wheel, which Python can run as it is."""
    index = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/") + "/pip/"
    with urllib.request.urlopen(index) as answer:
        page = answer.read().decode()
    wheels = {
        _version(match.group(2)): match.groups()
        for match in WHEEL.finditer(page)
        if "data-yanked" not in match.group()
    }
    if not wheels:
        raise ValueError("the index names no wheel of pip")
    link, filename, digest = wheels[max(wheels)]
    with urllib.request.urlopen(urllib.parse.urljoin(index, link)) as answer:
        content = answer.read()
    if hashlib.sha256(content).hexdigest() != digest:
        raise ValueError("the wheel is not what the index says it is")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, filename)
        path.write_bytes(content)
        install = ["install", "--quiet", "--no-index", str(path)]
        subprocess.check_call([python(), str(path / "pip")] + install)


def _version(filename):
    """Return the numbers of a release's version; pre-releases come first of all."""
    parts = filename.split("-")[1].split(".")
    return tuple(int(part) for part in parts) if all(map(str.isdigit, parts)) else ()


def say(line):
    """Print a line at once, in step with what child processes print."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def run(main):
    """Run ``main`` and exit with what it returns, or with the sentence on what is lacking."""
    # Who starts us in the background may have us ignore Ctrl-C, and all that we start would do so
    # too, though it is how they are stopped.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        use_new_python()
        sys.exit(main())
    except Lacking as lack:
        sys.exit(str(lack))
    except KeyboardInterrupt:
        sys.exit(130)
