"""Build the package and look into it: does it hold what it needs, and nothing else?"""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NEEDED = {
    "chunnel/py.typed",
    "chunnel/migrations/0001_initial.py",
    "chunnel/management/commands/runrpcserver.py",
    "chunnel/static/chunnel/rpcapi.css",
    "chunnel/static/chunnel/rpcapi.js",
    "chunnel/templates/admin/chunnel/rpcapi/change_list.html",
}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "build", "--outdir", folder, str(ROOT)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        [wheel] = Path(folder).glob("*.whl")
        [archive] = Path(folder).glob("*.tar.gz")
        with zipfile.ZipFile(wheel) as opened:
            names = set(opened.namelist())
            [metadata] = [name for name in names if name.endswith(".dist-info/METADATA")]
            text = opened.read(metadata).decode()
    missing = NEEDED - names
    foreign = {name for name in names if not name.startswith(("chunnel/", "chunnel-"))}
    if missing or foreign:
        sys.exit(f"The wheel lacks {sorted(missing)} and has no use for {sorted(foreign)}.")
    if "Description-Content-Type: text/markdown" not in text or "# Chunnel" not in text:
        sys.exit("The package does not show README.md as its description.")
    print(f"{wheel.name} and {archive.name} hold what they need.")


if __name__ == "__main__":
    main()
