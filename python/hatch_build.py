"""Puts the program of one platform into a wheel: make wheel says which."""

import os

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ProgramHook(BuildHookInterface):
    """The binary goes among the scripts, so that voxen on the PATH is the program itself."""

    def initialize(self, version, build_data):
        program, tag = os.environ.get("VOXEN_WHEEL_PROGRAM"), os.environ.get("VOXEN_WHEEL_TAG")
        if version == "editable":
            return  # voxen is found by VOXEN_PROGRAM or on the PATH
        if not program or not tag:
            raise SystemExit("a wheel holds the program of one platform: make wheel builds all of them")
        build_data["shared_scripts"][program] = os.path.basename(program)
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{tag}"
