"""Responses that are images: their voxels as columns, and results as images again, by nibabel."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from ._share import Array

#: Millimetres that entries of two affines may differ by, as in the program.
_AFFINE = 1e-3


def is_image(value: Any) -> bool:
    """Whether a value is an image in memory, or the path of one."""
    return isinstance(value, (str, os.PathLike)) or hasattr(value, "to_filename")


def _listed(value: Any) -> bool:
    """Whether a value is images in a list: of runs, or of the hemispheres of a run."""
    return isinstance(value, (list, tuple)) and len(value) > 0 and all(is_image(v) or _listed(v) for v in value)


def _nibabel() -> Any:
    """Give nibabel, or say how to install it."""
    try:
        import nibabel
    except ImportError as e:
        raise ImportError("images need nibabel: pip install 'voxen[images]'") from e
    return nibabel


class Volume:
    """Voxels of a mask, or of a whole grid, the last axis fastest: ``data[mask]``."""

    def __init__(self, shape: tuple[int, ...], affine: Array, mask: Array | None) -> None:
        self.shape, self.affine, self.mask = shape, affine, mask

    @property
    def columns(self) -> int:
        """Number of voxels."""
        return int(np.prod(self.shape) if self.mask is None else self.mask.sum())

    def same(self, other: Any) -> bool:
        """Whether columns are the same voxels."""
        if not isinstance(other, Volume) or self.shape != other.shape or np.abs(self.affine - other.affine).max() > _AFFINE:
            return False
        if self.mask is None or other.mask is None:
            return self.mask is other.mask
        return np.array_equal(self.mask, other.mask)

    def image(self, values: Array) -> Any:
        """Give values (maps, voxels) as an image of as many volumes; 0 outside the mask, as the program has it."""
        data = np.zeros((*self.shape, len(values)), values.dtype)
        data[np.ones(self.shape, bool) if self.mask is None else self.mask] = values.T
        return _nibabel().Nifti1Image(data[..., 0] if len(values) == 1 else data, self.affine)


class Grayordinates:
    """Columns of a CIFTI-2 image."""

    def __init__(self, axis: Any) -> None:
        self.axis = axis

    @property
    def columns(self) -> int:
        """Number of grayordinates or parcels."""
        return len(self.axis)

    def same(self, other: Any) -> bool:
        """Whether columns are the same places."""
        return isinstance(other, Grayordinates) and bool(self.axis == other.axis)

    def image(self, values: Array) -> Any:
        """Give values (maps, places) as a dscalar image."""
        nibabel = _nibabel()
        names = nibabel.cifti2.ScalarAxis([f"map {i + 1}" for i in range(len(values))])
        return nibabel.Cifti2Image(values, (names, self.axis))


class Vertices:
    """Vertices of a surface, in GIFTI."""

    def __init__(self, columns: int, meta: dict[str, str]) -> None:
        self.columns, self.meta = columns, meta

    def same(self, other: Any) -> bool:
        """Whether columns may be the same vertices."""
        return isinstance(other, Vertices) and self.columns == other.columns and self.meta == other.meta

    def image(self, values: Array) -> Any:
        """Give values (maps, vertices) as a GIFTI image with as many arrays."""
        gifti = _nibabel().gifti
        arrays = [gifti.GiftiDataArray(row.astype(np.float32), intent="NIFTI_INTENT_NONE", datatype="NIFTI_TYPE_FLOAT32") for row in values]
        return gifti.GiftiImage(darrays=arrays, meta=gifti.GiftiMetaData(self.meta))


class Parts:
    """Several images side by side, as hemispheres are."""

    def __init__(self, parts: list[Any]) -> None:
        self.parts = parts

    @property
    def columns(self) -> int:
        """Number of columns of all."""
        return sum(p.columns for p in self.parts)

    def same(self, other: Any) -> bool:
        """Whether all parts are the same."""
        return isinstance(other, Parts) and len(self.parts) == len(other.parts) and all(p.same(q) for p, q in zip(self.parts, other.parts, strict=True))

    def image(self, values: Array) -> Any:
        """Give values as a list of images."""
        ends = np.cumsum([p.columns for p in self.parts])[:-1]
        return [p.image(v) for p, v in zip(self.parts, np.split(values, ends, axis=1), strict=True)]


def responses(y: Any, mask: Any) -> tuple[Any, Any]:
    """Give responses as an array, and where its columns lie in the brain.

    Parameters
    ----------
    y : array-like, image, path of one, or a list of those, an image for each run
        Images of volumes (NIfTI), grayordinates (CIFTI-2) or surfaces (GIFTI; the
        hemispheres of a run are a list in the list).
    mask : image, path or None
        Nonzero where voxels are wanted. Of an array it says where its columns lie.

    Returns
    -------
    y : array-like of shape (n_samples, n_targets)
    space : Volume, Grayordinates, Vertices, Parts or None
        None of an array without a mask.

    Raises
    ------
    ValueError
        A file is no image, or grids differ.
    """
    if not is_image(y) and not _listed(y):
        if mask is None:
            return y, None
        space = _mask(mask)
        if np.ndim(y) != 2 or np.shape(y)[1] != space.columns:
            raise ValueError(f"responses of shape {np.shape(y)}, expected a column for each of the {space.columns} voxels of the mask")
        return y, space
    runs = list(y) if _listed(y) else [y]
    within = None if mask is None else _mask(mask)
    read = [_run(run, within) for run in runs]
    for number, (_, space) in enumerate(read[1:], 2):
        if not read[0][1].same(space):
            raise ValueError(f"the image of run {number} has other voxels than that of run 1, expected the same grid")
    arrays = [array for array, _ in read]
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays), read[0][1]


def _run(run: Any, mask: Volume | None) -> tuple[Array, Any]:
    """Read the image or the images of one run: (times, voxels)."""
    if not _listed(run):
        return _read(run, mask)
    parts = [_read(part, mask) for part in run]
    return np.concatenate([array for array, _ in parts], axis=1), Parts([space for _, space in parts])


def _load(image: Any) -> Any:
    """Load an image where a path stands for it."""
    if not isinstance(image, (str, os.PathLike)):
        return image
    nibabel = _nibabel()
    try:
        return nibabel.load(image)
    except FileNotFoundError as e:
        raise ValueError(f"{os.fspath(image)}: no such file") from e
    except nibabel.filebasedimages.ImageFileError as e:
        raise ValueError(f"{os.fspath(image)}: expected an image: {e}") from e


def _mask(mask: Any) -> Volume:
    """Read a mask: the voxels that are not 0."""
    image = _load(mask)
    if not hasattr(image, "affine"):
        raise ValueError(f"mask of type {type(mask).__name__}, expected an image of volumes or its path")
    inside = np.asanyarray(image.dataobj)
    if inside.ndim == 4 and inside.shape[3] == 1:
        inside = inside[..., 0]
    if inside.ndim != 3:
        raise ValueError(f"mask of shape {inside.shape}, expected three dimensions")
    inside = (inside != 0) & ~np.isnan(inside)
    if not inside.any():
        raise ValueError("mask has no voxel that is not 0")
    return Volume(inside.shape, image.affine, inside)


def _read(image: Any, mask: Volume | None) -> tuple[Array, Any]:
    """Read an image: (times, voxels) in the narrowest type that holds it, and where they lie."""
    image = _load(image)
    if hasattr(image, "darrays"):
        rows = [np.asarray(a.data) for a in image.darrays]
        if mask is not None or not rows or any(r.ndim != 1 or len(r) != len(rows[0]) for r in rows):
            raise ValueError("a GIFTI image, expected an array of one value a vertex for each time point, and no mask")
        meta = {k: v for k, v in dict(image.meta).items() if k == "AnatomicalStructurePrimary"}
        return np.stack(rows), Vertices(len(rows[0]), meta)
    data = _values(image)
    if not hasattr(image, "affine"):
        if mask is not None or data.ndim != 2:
            raise ValueError(f"an image of grayordinates of shape {data.shape}, expected two dimensions and no mask")
        return data, Grayordinates(image.header.get_axis(1))
    if data.ndim != 4:
        raise ValueError(f"an image of shape {data.shape}, expected four dimensions, time the last")
    space = Volume(data.shape[:3], image.affine, None if mask is None else mask.mask)
    if mask is None:
        return data.reshape(-1, data.shape[3]).T, space
    if not Volume(mask.shape, mask.affine, None).same(Volume(space.shape, space.affine, None)):
        raise ValueError(f"the mask has another grid ({mask.shape}) than the responses ({space.shape}), or another affine")
    return data[mask.mask].T, space


def _values(image: Any) -> Array:
    """Give the values: as stored where nothing scales them, else in float32, or float64 where that is what is stored."""
    stored = image.get_data_dtype()
    values: Array = np.asanyarray(image.dataobj)
    if values.dtype == np.float64 and stored.kind in "iuf" and stored.itemsize <= 4 and stored != np.dtype(np.int32):
        values = values.astype(np.float32)
    return values
