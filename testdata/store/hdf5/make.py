"""Makes the HDF5 files of packages store and internal/hdf5, in the folder of this script.

Written with Python 3.11, h5py 3.16.0 (HDF5 2.0.0), numpy 2.4.6. Element i of an
array, in the order of the file, is (37 i) mod 101 unless said otherwise: every
type holds it exactly, and no transposition keeps it.
"""

import pathlib

import h5py
import numpy as np

HERE = pathlib.Path(__file__).parent
TYPES = ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]


def base(*shape, dtype="<f4"):
    return ((np.arange(np.prod(shape, dtype=int)) * 37) % 101).reshape(shape).astype(dtype)


def low(group, name, data, chunks=None, maxshape=None, write=True, compact=False, early=False):
    """A data set by way of HDF5's own properties, for what h5py has no word."""
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    if compact:
        plist.set_layout(h5py.h5d.COMPACT)
    if chunks:
        plist.set_chunk(chunks)
    if early:
        plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    space = h5py.h5s.create_simple(data.shape, maxshape)
    d = h5py.h5d.create(group.id, name.encode(), h5py.h5t.py_create(data.dtype), space, plist)
    if write:
        d.write(h5py.h5s.ALL, h5py.h5s.ALL, np.ascontiguousarray(data))


def layouts(f):
    """Every type, layout, index of chunks and filter."""
    for t in TYPES:
        f[f"types/{t}_le"] = base(5, 7, dtype="<" + t)
        if t[1] != "1":
            f[f"types/{t}_be"] = base(5, 7, dtype=">" + t)
            f.create_dataset(f"types/{t}_be_chunked", data=base(5, 7, dtype=">" + t), chunks=(2, 3))
    f["types/bool"] = base(5, 7) > 50
    f["types/committed"] = np.dtype("<i2")
    f.create_dataset("types/of_committed", data=base(5, 7), dtype=f["types/committed"])

    g = f.create_group("layouts")
    g["contiguous"] = base(20, 30)
    g["vector"] = base(9)
    g["scalar"] = np.float64(2.5)
    g["cube"] = base(3, 5, 4)
    g["no_columns"] = base(5, 0)
    low(g, "compact", base(5, 7), compact=True)
    low(g, "never_written", base(5, 7), write=False)
    g.create_dataset("filled", (5, 7), "<f4", fillvalue=2.5)
    part = g.create_dataset("part_written", (20, 30), "<f4", chunks=(7, 11), fillvalue=2.5, compression="gzip")
    part[7:14, 11:22] = 1
    g.create_dataset("one_chunk", data=base(20, 30), chunks=(20, 30))
    g.create_dataset("one_chunk_gzip", data=base(20, 30), chunks=(20, 30), compression="gzip")
    g.create_dataset("few_chunks", data=base(20, 30), chunks=(7, 11))
    g.create_dataset("rows", data=base(20, 30), chunks=(1, 30), compression="gzip")
    g.create_dataset("columns", data=base(20, 30), chunks=(20, 1), compression="gzip")
    g.create_dataset("wider", data=base(5, 7), chunks=(8, 16), maxshape=(None, 16))
    g.create_dataset("many_chunks", data=base(40, 30, dtype="i1"), chunks=(1, 1))
    g.create_dataset("one_endless", data=base(20, 30), chunks=(3, 8), maxshape=(None, 40))
    g.create_dataset("last_endless", data=base(20, 30), chunks=(3, 8), maxshape=(25, None), compression="gzip")
    g.create_dataset("two_endless", data=base(20, 30, dtype="i2"), chunks=(1, 2), maxshape=(None, None))
    g.create_dataset("two_endless_gzip", data=base(20, 30), chunks=(3, 8), maxshape=(None, None), compression="gzip")
    shrunk = g.create_dataset("shrunk", data=base(26, 30), chunks=(3, 8), maxshape=(None, 30))
    shrunk.resize((20, 30))
    low(g, "early", base(20, 30), chunks=(7, 11), early=True)
    far = g.create_dataset("far", (140000, 1), "i1", chunks=(1, 1), maxshape=(None, 1))
    for i in [0, 5, 100, 3000, 70000, 139999]:
        far[i] = 1 + i % 100
    cube = base(5, 6, 7, dtype="<f8")
    g.create_dataset("cube_chunked", data=cube, chunks=(2, 4, 3), compression="gzip")
    g.create_dataset("vector_chunked", data=base(50), chunks=(8,))

    g = f.create_group("filters")
    data = base(20, 30)
    g.create_dataset("gzip", data=data, chunks=(7, 11), compression="gzip")
    g.create_dataset("shuffle", data=data, chunks=(7, 11), shuffle=True)
    g.create_dataset("fletcher32", data=base(20, 30, dtype="i1"), chunks=(7, 11), fletcher32=True)
    g.create_dataset("all", data=data, chunks=(7, 11), compression="gzip", shuffle=True, fletcher32=True)
    g.create_dataset("lzf", data=data, chunks=(7, 11), compression="lzf", shuffle=True)
    g.create_dataset("lzf_zeros", data=data * 0, chunks=(20, 30), compression="lzf")
    first = h5py.h5p.create(h5py.h5p.DATASET_CREATE)  # the checksum before the compression, as PyTables has it
    first.set_chunk((7, 11))
    first.set_fletcher32()
    first.set_shuffle()
    first.set_deflate(5)
    d = h5py.h5d.create(g.id, b"checksum_first", h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((20, 30)), first)
    d.write(h5py.h5s.ALL, h5py.h5s.ALL, data)

    g = f.create_group("refused")
    g.create_dataset("scaleoffset", data=base(20, 30, dtype="<i4"), chunks=(7, 11), scaleoffset=0)
    g["text"] = "words"
    g["complex"] = base(2, 3, dtype="<c8")
    g["record"] = np.zeros(3, [("a", "<f4"), ("b", "<i2")])
    g.create_dataset("external", (5, 7), "<f4", external=[("elsewhere.bin", 0, 140)])
    source = h5py.VirtualSource("elsewhere.h5", "x", (5, 7))
    whole = h5py.VirtualLayout((5, 7), "<f4")
    whole[:] = source
    g.create_virtual_dataset("virtual", whole)
    g["link"] = h5py.ExternalLink("elsewhere.h5", "/x")

    g = f.create_group("links")
    g["soft"] = h5py.SoftLink("/layouts/contiguous")
    g["near"] = h5py.SoftLink("soft")
    g["circle"] = h5py.SoftLink("/links/circle")
    g["nowhere"] = h5py.SoftLink("/nothing")
    g["hard"] = f["layouts/few_chunks"]
    many = f.create_group("links/many")
    for i in range(300):
        many[f"a name of some length {i:04d}"] = f["layouts/vector"]
    g["name with ends:3:T"] = base(2, 3)


def matlab(name):
    """What MATLAB's save -v7.3 writes for Y (20 x 30) and more: axes in reverse."""
    with h5py.File(HERE / name, "w", libver="earliest", userblock_size=512) as f:
        def put(at, data, kind, **kw):
            f.create_dataset(at, data=data, **kw).attrs.create("MATLAB_class", np.bytes_(kind))

        put("Y", base(20, 30, dtype="<f8").T, "double", chunks=(11, 7), compression="gzip", compression_opts=3)
        put("single", base(20, 30).T, "single")
        put("vector", base(9, 1, dtype="<f8").T, "double")
        put("repeats", base(20, 30, 3).transpose(2, 1, 0), "single", chunks=(1, 11, 7), compression="gzip")
        put("name", np.frombuffer("voxel".encode("utf-16-le"), "<u2").reshape(5, 1), "char")
        put("nothing", np.array([0, 0], "<u8"), "double")
        f["nothing"].attrs["MATLAB_empty"] = np.uint8(1)
        put("mask", (base(4, 5) > 50).astype("u1").T, "logical")
        f.create_dataset("by_h5py", data=base(6, 8)).attrs["MATLAB_class"] = "single"  # of variable length
        f["#refs#/a"] = base(2, 2)
    with open(HERE / name, "r+b") as f:
        head = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, HDF5 schema 1.00 ."
        f.write(head.ljust(116) + bytes(8) + b"\x00\x02IM")


def field():
    """The layouts of the voxelwise_tutorials data and of the Huth lab's."""
    rng = np.random.default_rng(0)
    runs, rows, test_rows, repeats, voxels, features = 3, 24, 16, 4, 37, 6

    def z(x):
        return ((x - x.mean(0)) / x.std(0)).astype("<f4")

    weights = rng.standard_normal((features, voxels))
    x_train, x_test = rng.standard_normal((runs * rows, features)), rng.standard_normal((test_rows, features))
    y_train = x_train @ weights + 2 * rng.standard_normal((runs * rows, voxels))
    y_test = x_test @ weights + 2 * rng.standard_normal((repeats, test_rows, voxels))
    with h5py.File(HERE / "tutorial_features.hdf", "w") as f:
        f["X_train"], f["X_test"] = x_train.astype("<f4"), x_test.astype("<f4")
        f["run_onsets"] = np.arange(runs) * rows
    with h5py.File(HERE / "tutorial_responses.hdf", "w") as f:
        f["Y_train"] = z(y_train)
        f["Y_test"] = np.stack([z(y) for y in y_test])
        f["run_onsets"] = np.arange(runs) * rows
    with h5py.File(HERE / "huth.hf5", "w", libver="earliest") as f:  # ds003020: derivative/preprocessed_data/UTS0x/STORY.hf5
        f["data"] = z(y_train[:rows]).astype("<f8")


def seeds():
    """Small files of one kind of structure each, from which fuzzing starts."""
    (HERE / "seeds").mkdir(exist_ok=True)
    data = base(5, 7)
    for libver in ["earliest", "latest"]:
        def new(name, **kw):
            return h5py.File(HERE / "seeds" / f"{name}_{libver}.h5", "w", libver=libver, **kw)

        with new("contiguous") as f:
            f["x"] = data
        with new("compact") as f:
            low(f, "x", data, compact=True)
        with new("filters") as f:
            f.create_dataset("x", data=data, chunks=(3, 4), compression="gzip", shuffle=True, fletcher32=True)
            f.create_dataset("y", data=data, chunks=(5, 7), compression="lzf")
        with new("endless") as f:
            f.create_dataset("x", data=base(45, 2, dtype="i1"), chunks=(1, 2), maxshape=(None, 2))
        with new("endless_two") as f:
            f.create_dataset("x", data=data, chunks=(2, 2), maxshape=(None, None))
        with new("early") as f:
            low(f, "x", data, chunks=(3, 4), early=True)
        with new("links") as f:
            f["group/x"] = data
            for i in range(12):
                f[f"group/name {i}"] = f["group/x"]
            f["soft"] = h5py.SoftLink("/group/x")
        with new("matlab", userblock_size=512) as f:
            f.create_dataset("x", data=data).attrs["MATLAB_class"] = "single"
            f["x"].attrs["MATLAB_empty"] = np.uint8(0)


if __name__ == "__main__":
    for name, libver in [("earliest.h5", "earliest"), ("v110.h5", ("v110", "v110")), ("latest.h5", "latest")]:
        with h5py.File(HERE / name, "w", libver=libver) as f:
            layouts(f)
    matlab("matlab.mat")
    field()
    seeds()
