"""check_wheel.py WHEEL: it installs `mcp_router` and nothing else, and misses no file of it."""

import os
import sys
import zipfile
from pathlib import Path, PurePosixPath

SHIPPED = {".py", ".yaml", ".typed"}


def shipped(package: Path) -> set[str]:
    """Return what the tree holds for the wheel, through the links to `tools` and `policies`."""
    return {
        (Path(parent) / name).relative_to(package.parent).as_posix()
        for parent, _, files in os.walk(package, followlinks=True)
        for name in files
        if PurePosixPath(name).suffix in SHIPPED
    }


def main(wheel: str) -> int:
    """Return 0 if the wheel is as it should be, else say what is wrong and return 1."""
    names = set(zipfile.ZipFile(wheel).namelist())
    top = {name.partition("/")[0] for name in names}
    strangers = sorted(name for name in top if name != "mcp_router" and ".dist-info" not in name)
    missing = sorted(shipped(Path("mcp_router")) - names)

    for title, found in (("at the top level", strangers), ("not in the wheel", missing)):
        if found:
            sys.stderr.write(f"{title}: {', '.join(found)}\n")

    sys.stdout.write(f"{len(names)} files, top level: {', '.join(sorted(top))}\n")
    return 1 if strangers or missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
