"""A program: start the command line once for each folder and arguments in a JSON file.

Each start is a process of its own; they are forked from one that has done the importing, which is
most of what a start costs. Argument: a folder with `starts.json`; outputs go to `<n>.out`,
`<n>.err` and `<n>.code` in it.
"""

import json
import os
import sys
from pathlib import Path

from mcp_router.cli.main import main


def start(folder: Path, number: int, here: str, arguments: list[str]) -> None:
    """Run the command in a forked process and keep how it ended."""
    process = os.fork()

    if process == 0:
        os.chdir(here)
        sys.argv = ["mcp-router", *arguments]
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)

        for descriptor, ending in ((1, "out"), (2, "err")):
            file = os.open(folder / f"{number}.{ending}", os.O_WRONLY | os.O_CREAT)
            os.dup2(file, descriptor)

        main()

    _, status = os.waitpid(process, 0)
    code = os.waitstatus_to_exitcode(status)
    (folder / f"{number}.code").write_text(str(code), encoding="ascii")


if __name__ == "__main__":
    home = Path(sys.argv[1])

    for place, (where, options) in enumerate(
        json.loads((home / "starts.json").read_text(encoding="utf-8"))
    ):
        start(home, place, where, options)
