"""Makes the golden files of package store, in the folder of this script.

Written with Python 3.11, numpy 2.4.6, scipy 1.17.1, safetensors 0.8.0,
pandas 3.1.1. The numbers are chosen so that every type holds them exactly,
except in the files named extreme, which hold each type's own limits.
"""

import io
import json
import pathlib

import numpy as np
import pandas as pd
import scipy.sparse
from safetensors.numpy import save_file

HERE = pathlib.Path(__file__).parent


def base(rows, cols):
    """Whole numbers 0..100 in an order that no transposition keeps."""
    return (np.arange(rows * cols).reshape(rows, cols) * 37) % 101


def npy():
    a = base(5, 7)
    types = ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]
    for t in types:
        for order in "CF":
            for end in "<>":
                if t[1] == "1" and end == ">":
                    continue
                name = f"{t}_{order}_{'le' if end == '<' else 'be'}.npy"
                np.save(HERE / name, np.array(a, dtype=end + t, order=order))
    for order in "CF":
        np.save(HERE / f"b1_{order}_le.npy", np.array(a % 2 == 1, order=order))
    np.save(HERE / "vector.npy", np.arange(9, dtype="<f4"))
    np.save(HERE / "scalar.npy", np.float64(2.5))
    np.save(HERE / "cube.npy", base(4, 6).reshape(4, 2, 3).astype("<f4"))
    np.save(HERE / "empty_columns.npy", np.zeros((5, 0), "<f4"))
    np.save(HERE / "empty_rows.npy", np.zeros((0, 5), "<f4"))
    for version in [(2, 0), (3, 0)]:
        with open(HERE / f"version{version[0]}.npy", "wb") as f:
            np.lib.format.write_array(f, a.astype("<f4"), version=version)
    # numpy.save refuses pickles to those who read; it writes them all the same.
    np.save(HERE / "objects.npy", np.array([1, None, "x"], dtype=object))
    np.save(HERE / "records.npy", np.zeros(3, dtype=[("a", "<f4"), ("b", "<i2")]))
    np.save(HERE / "strings.npy", np.array(["a", "bc"]))
    np.save(HERE / "complex.npy", np.zeros(3, "<c8"))
    # Many binary16 and what numpy widens it to.
    half = np.arange(65536, dtype="<u2").view("<f2")
    some = np.concatenate([half[:2048], half[::7], half[0x7c00:0x7c01], half[0xfc00:0xfc01]])
    some = some[~np.isnan(some)]
    np.savez_compressed(HERE / "half_widening.npz", half=some, single=some.astype("<f4"))
    # float64 around every rounding boundary of binary16, and numpy's rounding.
    finite = half[np.isfinite(half)].astype("<f8")
    finite = np.unique(finite[finite >= 0])[::16]
    middle = (finite[1:] + finite[:-1]) / 2
    x = np.concatenate([finite, middle, np.nextafter(middle, 0), np.nextafter(middle, 1e9),
                        [65503.9, 65504, 65519.99, 65520, 7e4, 1e300, np.inf, 2.0**-25, 2.0**-24, 2.0**-14, 6.1e-5, 5e-324]])
    x = np.concatenate([x, -x])
    with np.errstate(over="ignore"):
        np.savez_compressed(HERE / "half_rounding.npz", x=x, half=x.astype("<f2").view("<u2"))
    for t in ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]:
        info = np.iinfo(t)
        np.save(HERE / f"extreme_{t}.npy", np.array([info.min, 0, 1, info.max], "<" + t))


def sparse():
    a = base(6, 11).astype("<f4")
    a[a > 30] = 0
    a[:, 4] = 0
    m = scipy.sparse.csc_matrix(a)
    scipy.sparse.save_npz(HERE / "codes_f4.npz", m)
    scipy.sparse.save_npz(HERE / "codes_f8_stored.npz", m.astype("<f8"), compressed=False)
    scipy.sparse.save_npz(HERE / "codes_csr.npz", m.tocsr())
    scipy.sparse.save_npz(HERE / "codes_array.npz", scipy.sparse.csc_array(a))
    scipy.sparse.save_npz(HERE / "codes_coo.npz", m.tocoo())
    np.save(HERE / "codes_dense.npy", a)
    np.savez(HERE / "plain.npz", a=base(5, 7).astype("<f4"), b=np.arange(3))
    np.savez_compressed(HERE / "plain_deflated.npz", a=base(5, 7).astype("<f4"), b=np.arange(3))


def safetensors():
    a = base(5, 7)
    save_file({t: a.astype(t) for t in ["float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "uint16", "uint32", "uint64"]}
              | {"bool": a % 2 == 1, "bias": np.arange(4, dtype="f4"), "none": np.zeros((0, 3), "f4"), "one": np.array(2.5, "f4"),
                 "cube": base(4, 6).reshape(4, 2, 3).astype("f4")},
              HERE / "all.safetensors", metadata={"format": "pt"})
    save_file({"responses": a.astype("<f4")}, HERE / "one.safetensors")
    # bfloat16 has no numpy type: the header is written here, in the library's form.
    bf = (a.astype("<f4").view("<u4") >> 16).astype("<u2")
    head = json.dumps({"bf": {"dtype": "BF16", "shape": [5, 7], "data_offsets": [0, 70]}}).encode()
    head += b" " * (-len(head) % 8)
    (HERE / "bf16.safetensors").write_bytes(len(head).to_bytes(8, "little") + head + bf.tobytes())
    folder = HERE / "shards"
    folder.mkdir(exist_ok=True)
    save_file({"a": a.astype("<f4")}, folder / "model-00001-of-00002.safetensors", metadata={"format": "pt"})
    save_file({"b": a.T.copy().astype("<f2"), "c": np.arange(3, dtype="f4")}, folder / "model-00002-of-00002.safetensors", metadata={"format": "pt"})
    one, two = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {"total_size": 222}, "weight_map": {"a": one, "b": two, "c": two}}, indent=2) + "\n")


def tables():
    rows = [["plain", "1"], ["with\ttab", "2"], ['"', "3"], ['say "hi"', "4"], ["two\nlines", "5"], ["", "6"], ["’s", ""]]
    out = io.StringIO()
    pd.DataFrame(rows, columns=["word", "number"]).to_csv(out, sep="\t", index=False, lineterminator="\n")
    (HERE / "quoted.tsv").write_bytes(out.getvalue().encode())
    out = io.StringIO()
    pd.DataFrame([["a"], [""], ["b"]], columns=["x"]).to_csv(out, sep="\t", index=False, lineterminator="\n")
    (HERE / "single.tsv").write_bytes(out.getvalue().encode())
    (HERE / "quoted.json").write_text(json.dumps(rows, ensure_ascii=True) + "\n")


if __name__ == "__main__":
    npy()
    sparse()
    safetensors()
    tables()
