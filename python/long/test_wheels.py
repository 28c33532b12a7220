"""The wheels of all platforms in dist: their names, metadata, programs and digests."""

import base64
import hashlib
import re
import struct
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.utils import parse_wheel_filename

DIST = Path(__file__).parents[2] / "dist"
#: Part of the tag: the format of the program, by its first bytes.
PLATFORMS = {
    "manylinux_x86_64": ("\x7fELF", 62),
    "manylinux_aarch64": ("\x7fELF", 183),
    "macosx_12_0_x86_64": ("Mach-O", 0x01000007),
    "macosx_12_0_arm64": ("Mach-O", 0x0100000C),
    "win_amd64": ("MZ", 0x8664),
}


def machine(program):
    """Say of which format a program is, and for which processor."""
    if program[:4] == b"\x7fELF":
        return "\x7fELF", struct.unpack_from("<H", program, 18)[0]
    if program[:4] == b"\xcf\xfa\xed\xfe":
        return "Mach-O", struct.unpack_from("<I", program, 4)[0]
    if program[:2] == b"MZ":
        return "MZ", struct.unpack_from("<H", program, struct.unpack_from("<I", program, 60)[0] + 4)[0]
    return "", 0


@pytest.mark.parametrize("platform", PLATFORMS)
def test_wheel(platform):
    """One wheel for the platform, whole, with its program and what pip has to know."""
    first, last = platform.split("_", 1)
    found = [w for w in DIST.glob("voxen-*.whl") if re.search(rf"-{first}.*{last}\.whl$" if first == "manylinux" else rf"-{platform}\.whl$", w.name)]
    assert len(found) == 1, found
    name, version, _, tags = parse_wheel_filename(found[0].name)
    assert name == "voxen" and {t.interpreter for t in tags} == {"py3"} and {t.abi for t in tags} == {"none"}
    with zipfile.ZipFile(found[0]) as wheel:
        info = f"voxen-{version}.dist-info"
        metadata = Parser().parsestr(wheel.read(f"{info}/METADATA").decode())
        assert metadata["Name"] == "voxen" and metadata["Version"] == str(version) and metadata["Requires-Python"] == ">=3.10"
        assert set(metadata.get_all("Provides-Extra")) == {"sklearn", "images", "progress"} and metadata["License-Expression"] == "BSD-3-Clause"
        assert [r for r in metadata.get_all("Requires-Dist") if "extra" not in r] == ["numpy>=1.24"]
        assert {"LICENSE", "NOTICE"} == {Path(f).name for f in metadata.get_all("License-File")}
        text = wheel.read(f"{info}/WHEEL").decode()
        assert {str(t) for t in tags} == set(re.findall(r"^Tag: (.*)$", text, re.M)) and "Root-Is-Purelib: false" in text
        scripts = [i for i in wheel.infolist() if ".data/scripts/" in i.filename]
        assert [Path(i.filename).name for i in scripts] == ["voxen.exe" if platform == "win_amd64" else "voxen"]
        assert scripts[0].external_attr >> 16 & 0o111
        assert machine(wheel.read(scripts[0])) == PLATFORMS[platform]
        source = wheel.read("voxen/_version.py").decode()
        assert f'"{version}"' in source and "voxen/py.typed" in wheel.namelist()
        assert ("+cuda" in str(version)) == (b"cuModuleLoadData" in wheel.read(scripts[0]))
        rows = [line.rsplit(",", 2) for line in wheel.read(f"{info}/RECORD").decode().splitlines()]
        assert {path for path, _, _ in rows} == set(wheel.namelist())
        for path, digest, size in rows:
            if digest:
                data = wheel.read(path)
                assert int(size) == len(data)
                assert digest == "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
