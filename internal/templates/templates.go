// Package templates has the surfaces and the background that are shipped: fsaverage5 of
// FreeSurfer and the T1 template of the MNI at 3 mm (testdata/README.md, licences in
// testdata/templates/LICENSE).
package templates

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"math"

	"voxen/brain"
	"voxen/store"
	"voxen/testdata"
)

// Vertices is how many a hemisphere of fsaverage5 has.
const Vertices = 10242

const folder = "templates/"

// Surfaces reads the left and the right cortex of fsaverage5, "inflated" or "pial", in mm
// of FreeSurfer's fsaverage (MNI305). Of the file system nothing is read.
func Surfaces(fsys store.FS, kind string) ([2]*brain.Mesh, error) {
	var paths []string
	for _, side := range []string{"L", "R"} {
		paths = append(paths, folder+"tpl-fsaverage_den-10k_hemi-"+side+"_"+kind+".surf.gii.gz")
	}
	return brain.Files{FS: embedded{fsys}}.Meshes(paths)
}

// T1 reads the T1 template of the MNI (ICBM 152 2009a), 3 mm.
func T1(ctx context.Context, fsys store.FS) (*brain.Volume, error) {
	im, err := brain.Files{FS: embedded{fsys}}.Nifti(folder + "tpl-MNI152NLin2009aSym_res-3_T1w.nii.gz")
	if err != nil {
		return nil, err
	}
	return im.Volume(ctx, 0)
}

// toMNI152 takes a point of MNI305, fsaverage's space, to MNI152: the matrix that
// FreeSurfer gives (surfer.nmr.mgh.harvard.edu/fswiki/CoordinateSystems). Points move by
// 2 mm or so.
var toMNI152 = [3][4]float64{
	{0.9975, -0.0073, 0.0176, -0.0429},
	{0.0146, 1.0009, -0.0024, 1.5496},
	{-0.0130, -0.0093, 0.9971, 1.1840},
}

// depths below the pial surface, in mm, over which a volume is averaged: the cortex is 2
// to 3 mm thick.
var depths = []float64{0.5, 1.5, 2.5}

// Sample gives what a volume in MNI152 has at each vertex of a pial surface of fsaverage,
// NaN where it has nothing: the mean of the values at three depths below the surface,
// interpolated, of those voxels that are finite. Of labels it is the one at most depths; 0,
// which is none, counts where there is no other.
func Sample(v *brain.Volume, pial *brain.Mesh, labels bool) ([]float64, error) {
	inside, filled := &brain.Volume{Grid: v.Grid, Values: make([]float64, len(v.Values))}, &brain.Volume{Grid: v.Grid, Values: make([]float64, len(v.Values))}
	for i, x := range v.Values {
		if !math.IsNaN(x) && !math.IsInf(x, 0) {
			inside.Values[i], filled.Values[i] = 1, x
		}
	}
	normals := normals(pial)
	at := func(depth float64) [][3]float64 {
		points := make([][3]float64, len(pial.Points))
		for i, p := range pial.Points {
			for r, row := range toMNI152 {
				points[i][r] = row[3]
				for c := range 3 {
					points[i][r] += row[c] * (p[c] - depth*normals[i][c])
				}
			}
		}
		return points
	}
	if labels {
		return vote(v, at)
	}
	out, weight := make([]float64, len(pial.Points)), make([]float64, len(pial.Points))
	for _, d := range depths {
		points := at(d)
		sums, err := filled.AtPoints(points, brain.Trilinear, 0)
		if err != nil {
			return nil, err
		}
		parts, err := inside.AtPoints(points, brain.Trilinear, 0)
		if err != nil {
			return nil, err
		}
		for i := range out {
			out[i], weight[i] = out[i]+sums[i], weight[i]+parts[i]
		}
	}
	for i := range out {
		if weight[i] < 0.5 { // of three voxels
			out[i] = math.NaN()
		} else {
			out[i] /= weight[i]
		}
	}
	return out, nil
}

// vote gives the label that a volume has at most depths, the middle one's where they are
// all unlike.
func vote(v *brain.Volume, at func(depth float64) [][3]float64) ([]float64, error) {
	var by [3][]float64
	for k, d := range []float64{depths[1], depths[0], depths[2]} {
		var err error
		if by[k], err = v.AtPoints(at(d), brain.Nearest, math.NaN()); err != nil {
			return nil, err
		}
	}
	out := by[0]
	for i := range out {
		best, most := out[i], 0
		for _, one := range by {
			n := 0
			for _, other := range by {
				if other[i] == one[i] && one[i] != 0 {
					n++
				}
			}
			if n > most {
				best, most = one[i], n
			}
		}
		out[i] = best
	}
	return out, nil
}

// normals point out of a surface, at each vertex: the sum of its triangles' normals, long
// as their areas, brought to length 1.
func normals(m *brain.Mesh) [][3]float64 {
	out := make([][3]float64, len(m.Points))
	for _, t := range m.Triangles {
		a, b, c := m.Points[t[0]], m.Points[t[1]], m.Points[t[2]]
		var u, v [3]float64
		for i := range 3 {
			u[i], v[i] = b[i]-a[i], c[i]-a[i]
		}
		n := [3]float64{u[1]*v[2] - u[2]*v[1], u[2]*v[0] - u[0]*v[2], u[0]*v[1] - u[1]*v[0]}
		for _, p := range t {
			for i := range 3 {
				out[p][i] += n[i]
			}
		}
	}
	for i, n := range out {
		if length := math.Sqrt(n[0]*n[0] + n[1]*n[1] + n[2]*n[2]); length > 0 {
			out[i] = [3]float64{n[0] / length, n[1] / length, n[2] / length}
		}
	}
	return out
}

// embedded is a file system whose files to read are those that the program embeds.
type embedded struct{ store.FS }

// Open implements store.FS.
func (embedded) Open(name string) (store.File, error) {
	data, err := testdata.Templates.ReadFile(name)
	if err != nil {
		return nil, err
	}
	info, err := fs.Stat(testdata.Templates, name)
	return &file{bytes.NewReader(data), info}, err
}

// Stat implements store.FS.
func (embedded) Stat(name string) (fs.FileInfo, error) { return fs.Stat(testdata.Templates, name) }

// file is an embedded file.
type file struct {
	*bytes.Reader
	info fs.FileInfo
}

var errReadOnly = errors.New("is embedded in the program: it is not written")

func (f *file) Size() (int64, error)               { return f.info.Size(), nil }
func (f *file) Stat() (fs.FileInfo, error)         { return f.info, nil }
func (f *file) Close() error                       { return nil }
func (f *file) WriteAt([]byte, int64) (int, error) { return 0, errReadOnly }
func (f *file) Allocate(int64) error               { return errReadOnly }
func (f *file) Truncate(int64) error               { return errReadOnly }
func (f *file) Sync() error                        { return errReadOnly }
