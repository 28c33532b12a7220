package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"voxen/brain"
)

// copied puts a file of testdata/brain/surface beside the inputs under a name,
// edited if edit is given.
func (f *files) copied(from, name string, edit func([]byte) []byte) string {
	f.t.Helper()
	data, err := os.ReadFile(filepath.Join("../../testdata/brain/surface", from))
	if err != nil {
		f.t.Fatal(err)
	}
	if edit != nil {
		data = edit(data)
	}
	return f.bytes(name, data)
}

// confounds refuses a table beside good files of 12 rows.
func confounds(name, says, table string, more ...string) refusal {
	return refusal{name, func(f *files) []string {
		return append(encodeArgs(f, f.npy("x.npy", []int{12, 3}), f.npy("y.npy", []int{12, 5}), "--confounds", f.bytes("c.tsv", []byte(table))), more...)
	}, 2, says}
}

// table is a confounds table of rows lines, each the cells given.
func table(header string, rows int, cells func(r int) string) string {
	var b strings.Builder
	b.WriteString(header + "\n")
	for r := range rows {
		b.WriteString(cells(r) + "\n")
	}
	return b.String()
}

func count(r int) string { return fmt.Sprint(r * r % 7) }

// atlas refuses the label image that make writes, beside an image of 12 volumes.
func atlas(name, says string, make func(f *files) string) refusal {
	return refusal{name, func(f *files) []string {
		return encodeArgs(f, f.npy("x.npy", []int{12, 3}), f.bytes("y_space-T1w.nii", nifti(grid, nil)), "--atlas", make(f))
	}, 2, says}
}

// labels is a label image on grid, value v at voxel v.
func labels(value func(v int) float32) []byte {
	b := nifti([8]int16{3, 2, 2, 2, 1, 1, 1, 1}, nil)
	for v := range 8 {
		binary.LittleEndian.PutUint32(b[352+4*v:], math.Float32bits(value(v)))
	}
	return b
}

// wider makes the voxels of an image 3 mm in the second axis.
func wider(h []byte) { binary.LittleEndian.PutUint32(h[84:], math.Float32bits(3)) }

// images refuses responses of 4 rows, or of the rows given.
func images(name, says string, rows int, make func(f *files) string, more ...string) refusal {
	return refusal{name, func(f *files) []string {
		return encodeArgs(f, f.npy("x.npy", []int{rows, 1}), make(f), more...)
	}, 2, says}
}

// gifti writes a file of rows of random values on vertices.
func (f *files) gifti(name string, rows, vertices int) string {
	g := &brain.Gifti{}
	for r := range rows {
		x := make([]float64, vertices)
		for v, n := range normal(uint64(r+1), vertices) {
			x[v] = float64(n)
		}
		a, err := brain.NewGiftiArray(brain.IntentTimeSeries, brain.Float32, []int{vertices}, x)
		if err != nil {
			f.t.Fatal(err)
		}
		g.Arrays = append(g.Arrays, a)
	}
	if err := (brain.Files{}).WriteGifti(f.path(name), g); err != nil {
		f.t.Fatal(err)
	}
	return f.path(name)
}

func init() {
	refusals = append(refusals,
		// confounds
		flags("no such confounds", `gone.tsv: no such file`, "--confounds", "gone.tsv"),
		confounds("confounds of other rows", `c.tsv: has 11 rows, .*y.npy has 12`, table("csf", 11, count)),
		confounds("confounds without rows", `c.tsv: no rows below the header`, "csf\n"),
		confounds("confound that is not there", `c.tsv: no column "wm" among "csf"`, table("csf", 12, count), "--confound-columns", "csf,wm"),
		confounds("pattern of confounds", `c.tsv: column pattern "rot_\[" is not valid`, table("csf", 12, count), "--confound-columns", "rot_["),
		confounds("confound that is a word", `c.tsv: line 4: csf is "high", expected a number`, table("csf", 12, func(r int) string {
			if r == 2 {
				return "high"
			}
			return count(r)
		})),
		confounds("confound that stops", `c.tsv: line 13: csf is n/a below numbers`, table("csf", 12, func(r int) string {
			if r == 11 {
				return "n/a"
			}
			return count(r)
		})),
		confounds("confound of n/a alone", `c.tsv: column csf holds no number`, table("csf", 12, func(int) string { return "n/a" })),
		confounds("confounds with a short line", `c.tsv: line 3 has 1 fields, expected 2`, table("csf\twm", 12, func(r int) string {
			if r == 1 {
				return "5"
			}
			return "1\t2"
		})),
		confounds("confounds that leave nothing", `c.tsv: run 0 has 12 rows, of which trends and confounds leave nothing`, table("a\tb\tc\td\te\tf\tg\th\ti\tj\tk\tl", 12, func(r int) string {
			cells := make([]string, 12)
			for i := range cells {
				cells[i] = fmt.Sprint(i / (r + 1) * r % 5)
				if i == r {
					cells[i] = "50"
				}
			}
			return strings.Join(cells, "\t")
		})),
		confounds("confounds of two runs for one", `2 files of confounds and 1 of responses`, table("csf", 12, count), "--confounds", "d.tsv"),
		flags("columns of no confounds", `--confound-columns csf without --confounds`, "--confound-columns", "csf"),
		flags("held-out confounds alone", `--test-confounds without --confounds`, "--test-confounds", "c.tsv"),
		refusal{"held-out runs without their confounds", func(f *files) []string {
			return encodeArgs(f, f.npy("x.npy", []int{12, 3}), f.npy("y.npy", []int{12, 5}), "--confounds", f.bytes("c.tsv", []byte(table("csf", 12, count))),
				"--test-features", f.npy("xt.npy", []int{4, 3}), "--test-responses", f.npy("yt.npy", []int{4, 5}))
		}, 2, `0 test files of confounds and 1 of responses`},

		// grids
		refusal{"held-out images on another grid", func(f *files) []string {
			return encodeArgs(f, f.npy("x.npy", []int{12, 3}), f.bytes("y.nii", nifti(grid, nil)),
				"--test-features", f.npy("xt.npy", []int{12, 3}), "--test-responses", f.bytes("yt.nii", nifti(grid, wider)))
		}, 2, `yt.nii: not on the grid of .*y.nii: affine is`},
		refusal{"held-out array of images", func(f *files) []string {
			return encodeArgs(f, f.npy("x.npy", []int{12, 3}), f.bytes("y.nii", nifti(grid, nil)),
				"--test-features", f.npy("xt.npy", []int{12, 3}), "--test-responses", f.npy("yt.npy", []int{12, 8}))
		}, 2, `yt.npy: is not of the kind of .*y.nii`},
		coupled("subjects on other grids", `y2.nii: not on the grid of .*y1.nii`, func(f *files) []string {
			return []string{"--responses", f.npy("s.npy", []int{12, 2}), "--bold", f.bytes("y1.nii", nifti(grid, nil)), "--bold", f.bytes("y2.nii", nifti(grid, wider))}
		}),

		// atlases
		refusal{"atlas of an array", func(f *files) []string {
			return encodeArgs(f, f.npy("x.npy", []int{12, 3}), f.npy("y.npy", []int{12, 5}), "--atlas", f.bytes("l.nii", labels(func(int) float32 { return 1 })))
		}, 2, `l.nii: is an atlas, but responses .*y.npy are an array`},
		atlas("labels that are fractions", `l.nii: voxel \d+ is 0.5, expected a label`, func(f *files) string {
			return f.bytes("l.nii", labels(func(v int) float32 { return float32(v) / 2 }))
		}),
		atlas("labels of zero", `l.nii: no label above 0`, func(f *files) string { return f.bytes("l.nii", labels(func(int) float32 { return 0 })) }),
		atlas("labels of two volumes", `l.nii: 2 volumes, expected a label image of 1`, func(f *files) string {
			return f.bytes("l.nii", nifti([8]int16{4, 2, 2, 2, 2, 1, 1, 1}, nil))
		}),
		atlas("labels in another space", `l_space-MNI_label.nii: in space MNI, expected T1w`, func(f *files) string {
			return f.bytes("l_space-MNI_label.nii", labels(func(int) float32 { return 1 }))
		}),
		atlas("labels of constant voxels", `l.nii: has no region with a voxel that varies`, func(f *files) string {
			return f.bytes("l.nii", labels(func(int) float32 { return 1 }))
		}),
		atlas("labels named by a damaged table", `l.tsv: line 2: index is "one", expected a whole number`, func(f *files) string {
			f.bytes("l.tsv", []byte("index\tname\none\tA\n"))
			return f.bytes("l.nii", labels(func(int) float32 { return 1 }))
		}),

		// CIFTI
		images("maps as responses", `y.dscalar.nii: is a dscalar file, expected a dtseries`, 2, func(f *files) string { return f.copied("maps.dscalar.nii", "y.dscalar.nii", nil) }),
		images("connectivity as responses", `y.dtseries.nii: .*expected dtseries, dscalar or dlabel`, 10, func(f *files) string { return f.copied("refused.dconn.nii", "y.dtseries.nii", nil) }),
		images("volume called dtseries", `y.dtseries.nii: no CIFTI description in the header`, 12, func(f *files) string { return f.bytes("y.dtseries.nii", nifti(grid, nil)) }),
		images("dtseries cut short", `y.dtseries.nii: header claims \d+ bytes`, 4, func(f *files) string {
			return f.copied("series.dtseries.nii", "y.dtseries.nii", func(b []byte) []byte { return b[:len(b)-20] })
		}),
		images("dtseries whose description is cut", `y.dtseries.nii: CIFTI description`, 4, func(f *files) string {
			return f.copied("series.dtseries.nii", "y.dtseries.nii", func(b []byte) []byte { return bytes.Replace(b, []byte("</CIFTI>"), []byte("<!CIFTI>"), 1) })
		}),
		images("dtseries with a mask", `m.nii: is a mask of volumes, but .*y.dtseries.nii is on surfaces`, 4, func(f *files) string {
			f.bytes("../m.nii", labels(func(int) float32 { return 1 }))
			return f.copied("series.dtseries.nii", "y.dtseries.nii", nil)
		}, "--mask", "MASK"),
		images("dtseries with a volume as atlas", `m.nii: is not of the kind of .*y.dtseries.nii, expected CIFTI files`, 4, func(f *files) string {
			f.bytes("../m.nii", labels(func(int) float32 { return 1 }))
			return f.copied("series.dtseries.nii", "y.dtseries.nii", nil)
		}, "--atlas", "MASK"),
		refusal{"runs on other grayordinates", func(f *files) []string {
			moved := func(b []byte) []byte { return bytes.Replace(b, []byte("0 1 3 5 8"), []byte("0 1 3 5 7"), 1) }
			return encodeArgs(f, f.npy("x.npy", []int{4, 1}), f.copied("series.dtseries.nii", "a.dtseries.nii", nil), "--features", f.npy("x2.npy", []int{4, 1}),
				"--responses", f.copied("series.dtseries.nii", "b.dtseries.nii", moved))
		}, 2, `b.dtseries.nii: has other grayordinates than .*a.dtseries.nii, the first that differs at 4`},

		// GIFTI
		images("a surface as responses", `y.surf.gii: is the surface itself`, 5, func(f *files) string { return f.copied("small.surf.gii", "y.surf.gii", nil) }),
		refusal{"GIFTI cut short", func(f *files) []string {
			y := f.copied("func_gz.func.gii", "y.func.gii", func(b []byte) []byte { return b[:len(b)*2/3] })
			return encodeArgs(f, f.npy("x.npy", []int{3, 1}), y, "--cv", "loo")
		}, 2, `y.func.gii: .*(cut off|EOF)`},
		images("hemispheres of other lengths", `r.func.gii: has 5 volumes, .*l.func.gii has 6`, 6, func(f *files) string {
			return f.gifti("l.func.gii", 6, 4) + "," + f.gifti("r.func.gii", 5, 4)
		}),
		refusal{"one hemisphere after two", func(f *files) []string {
			return encodeArgs(f, f.npy("x.npy", []int{6, 1}), f.gifti("l.func.gii", 6, 4)+","+f.gifti("r.func.gii", 6, 4), "--features", f.npy("x2.npy", []int{6, 1}),
				"--responses", f.gifti("l2.func.gii", 6, 4))
		}, 2, `l2.func.gii: is one of 1 hemispheres, expected 2`},
		refusal{"atlas of one hemisphere for two", func(f *files) []string {
			return encodeArgs(f, f.npy("x.npy", []int{6, 1}), f.gifti("l.func.gii", 6, 5)+","+f.gifti("r.func.gii", 6, 5), "--atlas", f.copied("small.label.gii", "a.label.gii", nil))
		}, 2, `a.label.gii: is an atlas of 1 surfaces, expected 2`},
		refusal{"atlas of other vertices", func(f *files) []string {
			return encodeArgs(f, f.npy("x.npy", []int{6, 1}), f.gifti("l.func.gii", 6, 4), "--atlas", f.copied("small.label.gii", "a.label.gii", nil))
		}, 2, `a.label.gii: has no labels of 4 vertices, as .*l.func.gii has`},
	)
}
