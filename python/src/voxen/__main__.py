"""``python -m voxen``: the program itself; ``--version`` says both versions."""

import subprocess
import sys

from . import __version__, engine_version
from ._worker import program

if __name__ == "__main__":
    if sys.argv[1:] == ["--version"]:
        print(f"voxen for Python {__version__}, program {engine_version()}")
        sys.exit(0)
    sys.exit(subprocess.call([program(), *sys.argv[1:]]))
