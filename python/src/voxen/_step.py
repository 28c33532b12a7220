"""Commands of the program with arrays, images and tables in the place of files."""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
import warnings
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from . import _base, _worker

#: Commands whose output is a file, and its ending where none is named.
_FILES = {"align": ".npy", "extract": ".npy", "plot": ".png", "predict": ".npy", "report": ".html"}
_IMAGES = (".nii.gz", ".nii", ".gii")


class Results(Mapping[str, Any]):
    """What a command wrote: files of a folder, read when they are asked for.

    ``results["weights"]`` is an array, a table (a pandas DataFrame, or a dict of lists where
    pandas is not installed) or a sparse matrix (where scipy is; else a dict of arrays);
    ``results.image("weights")`` the same as an image where there is one. Iterating gives the
    names. The files lie in a temporary folder, which goes with the object, unless the call
    named another.

    Attributes
    ----------
    out : Path
        The folder, or the file.
    summary : dict
        What the command says of its results.
    array : array
        Of a command that writes one array (extract, align, predict).
    columns : table or None
        Which neuron each column of that array is.
    """

    def __init__(self, out: Path, summary: dict[str, Any], temporary: Path | None) -> None:
        self.out, self.summary = out, summary
        self._finalizer = None if temporary is None else weakref.finalize(self, shutil.rmtree, temporary, ignore_errors=True)
        self._files = {}
        folder = out if out.is_dir() else out.parent
        for path in sorted(folder.iterdir()):
            if path.is_file() and not path.name.startswith(".") and (out.is_dir() or path == out or path.name.startswith(out.name + ".")):
                self._files[path.name] = path

    @property
    def run(self) -> dict[str, Any]:
        """run.json: command, options, digests of inputs, device, times, what is left out."""
        path = self.out / "run.json" if self.out.is_dir() else self.out.with_name(self.out.name + ".run.json")
        found: dict[str, Any] = json.loads(path.read_text())
        return found

    @property
    def array(self) -> Any:
        """The array of a command that writes one."""
        return load(self.out)

    @property
    def columns(self) -> Any:
        """The table of its columns, or None."""
        path = self.out.with_name(self.out.name + ".columns.tsv")
        return load(path) if path.exists() else None

    def _names(self) -> dict[str, Path]:
        """Give arrays and tables by their names without ending."""
        return {name.split(".")[0]: path for name, path in self._files.items() if name.endswith((".npy", ".npz", ".tsv"))}

    def __getitem__(self, name: str) -> Any:
        """Read an array or a table, by its name without ending or with it."""
        path = self._files.get(name) or self._names().get(name)
        if path is None:
            raise KeyError(f"{name}: there are {sorted(self._names())} in {self.out}")
        return load(path)

    def __iter__(self) -> Iterator[str]:
        """Give the names."""
        return iter(self._names())

    def __len__(self) -> int:
        """Give their number."""
        return len(self._names())

    def image(self, name: str) -> Any:
        """Read a result as an image, with nibabel.

        Parameters
        ----------
        name : str
            Without ending.

        Returns
        -------
        image : nibabel image, in memory

        Raises
        ------
        KeyError
            There is no such image: the responses were none.
        """
        import nibabel

        for file, path in self._files.items():
            if file.split(".")[0] == name and file.endswith(_IMAGES):
                image: Any = nibabel.load(path)
                if hasattr(image, "dataobj"):
                    image.get_fdata(dtype=np.float32)  # before the folder goes
                return image
        raise KeyError(f"{name}: there is no image of that name in {self.out}")

    def __repr__(self) -> str:
        """Name what is there."""
        return f"<voxen results {', '.join(self._names())} in {self.out}>"


def load(path: Path) -> Any:
    """Read an array, a sparse matrix or a table."""
    if path.suffix == ".npy":
        return np.asarray(np.load(path, mmap_mode="c" if os.name == "posix" else None))
    if path.suffix == ".npz":
        try:
            from scipy.sparse import load_npz
        except ImportError:
            with np.load(path) as arrays:
                return dict(arrays)
        return load_npz(path)
    if path.suffix == ".tsv":
        try:
            import pandas
        except ImportError:
            with open(path, encoding="utf-8") as f:
                names, *rows = [line.rstrip("\n").split("\t") for line in f]
            return {name: [row[i] for row in rows] for i, name in enumerate(names)}
        return pandas.read_csv(path, sep="\t", na_values=["n/a"], keep_default_na=False)
    return path


class _Inputs:
    """Files that stand for arrays, images and tables, in folders of their own."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders
        self._n = 0
        self._of: dict[str, str] = {}  # the option of each file

    def named(self, message: str) -> str:
        """Put the names of options in the place of files that the caller does not know."""
        for path, option in self._of.items():
            message = message.replace(path, option)
        return message

    def _write(self, option: str, ending: str, write: Callable[[Path], object]) -> str:
        """Write a file in the first folder that has room."""
        self._n += 1
        for folder in self._folders:
            path = folder / f"input-{self._n}{ending}"
            folder.mkdir(exist_ok=True)
            try:
                write(path)
                break
            except OSError as e:
                path.unlink(missing_ok=True)
                if e.errno != errno.ENOSPC or folder is self._folders[-1]:
                    raise
        self._of[str(path)] = option
        return str(path)

    def texts(self, option: str, value: Any) -> list[str]:
        """Give what the option is given: once, or for every value of a list."""
        return [self.text(option, v) for v in value] if _several(value) else [self.text(option, value)]

    def text(self, option: str, value: Any) -> str:
        """Give the path of a file with the value; spaces and models by name are NAME=FILE,..."""
        if isinstance(value, Results):
            return str(value.out)
        if isinstance(value, Mapping):
            return ",".join(f"{name}={self.text(option, v)}" for name, v in value.items())
        if isinstance(value, (str, os.PathLike)):
            return os.fspath(value)
        if _several(value):  # of one model, or of one run: hemispheres
            return ",".join(self.text(option, v) for v in value)
        if hasattr(value, "to_filename"):
            return self._write(option, _ending(value), value.to_filename)
        if hasattr(value, "to_csv"):
            return self._write(option, ".tsv", lambda path: value.to_csv(path, sep="\t", index=False, na_rep="n/a"))
        array = np.asarray(value)
        if array.dtype.kind not in "fiub":
            raise ValueError(f"--{option} {type(value).__name__}, expected a path, an array of numbers, an image, a table or results")
        return self._write(option, ".npy", lambda path: np.save(path, array))


def _several(value: Any) -> bool:
    """Whether a value is several, and not one array as a list of numbers."""
    return isinstance(value, (list, tuple)) and not all(isinstance(v, (int, float, np.number)) for v in value)


def _ending(image: Any) -> str:
    """Give the ending of files of a nibabel image's kind."""
    kind = type(image).__name__
    if kind == "Cifti2Image":
        axis = type(image.header.get_axis(0)).__name__
        return {"SeriesAxis": ".dtseries.nii", "ScalarAxis": ".dscalar.nii", "LabelAxis": ".dlabel.nii"}[axis]
    return ".func.gii" if kind == "GiftiImage" else ".nii"


def _flag(option: str, value: Any) -> list[str]:
    """Give a value as a flag of the program; lists have commas between."""
    if isinstance(value, (bool, np.bool_)):
        return [f"--{option}={str(bool(value)).lower()}"]
    if isinstance(value, (list, tuple, np.ndarray)):
        value = ",".join(_plain(v) for v in value)
    return [f"--{option}", _plain(value)]


def _plain(value: Any) -> str:
    """Write a value as a flag has it."""
    if isinstance(value, (float, np.floating)):
        return repr(float(value))
    return str(os.fspath(value) if isinstance(value, os.PathLike) else value)


def _warn(message: str) -> None:
    warnings.warn(message, stacklevel=7)


def run(command: str, options: Mapping[str, Any], progress: bool, inputs: Sequence[str], repeated: Sequence[str]) -> Results:
    """Run a command of the program in the process of the engine.

    Parameters
    ----------
    command : str
    options : dict
        Values by the names of the options; None is not given.
    progress : bool
    inputs : list of str
        The options in whose place arrays, images, tables and results may stand.
    repeated : list of str
        Other options that are given once for each value of a list.

    Returns
    -------
    results : Results
    """
    options = {name: value for name, value in options.items() if value is not None}
    temporary = None
    if command == "report" and "out" not in options:
        raise ValueError("--out is needed: the HTML file of the report")
    args = [command]
    if command == "run":
        study = os.fspath(options.pop("study"))
        args.append(study)
    elif "out" not in options:
        temporary = Path(tempfile.mkdtemp(prefix="voxen-results-"))
        options["out"] = temporary / ("results" + _FILES.get(command, ""))
    threads = _base.threads_of(options.get("threads"))
    if threads and "threads" not in options:
        options["threads"] = threads
    with _worker.folders_of_inputs() as folders:
        files = _Inputs(folders)
        for name, value in options.items():
            if name in inputs:
                args += [part for text in files.texts(name, value) for part in (f"--{name}", text)]
            elif name in repeated and isinstance(value, (list, tuple)):
                args += [part for v in value for part in _flag(name, v)]
            else:
                args += _flag(name, value)
        bar = _base.bar(progress)
        try:
            summary, _ = _worker.call("run", {}, {"args": args}, {}, bar, _warn)
        except BaseException as e:
            if temporary is not None:
                shutil.rmtree(temporary, ignore_errors=True)
            if type(e) is ValueError and str(e) != files.named(str(e)):
                raise ValueError(files.named(str(e))) from None
            raise
        finally:
            if bar is not None:
                bar.close()
    out = Path(summary["out"]) if isinstance(summary, dict) and "out" in summary else Path(options.get("out", "."))
    return Results(out, summary, temporary)

