package report

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"

	"voxen/brain"
)

// Volume is an image for the viewer: one map, or several of which one is shown.
type Volume struct {
	Name   string   `json:"name"`
	Frames []string `json:"frames,omitempty"` // names of the maps, where there are several
	// Limit is the value of the lightest colour; Threshold and what is nearer to
	// 0 is not shown at first. Numbers of either sign are Diverging; else those above 0
	// are shown.
	Limit     float64 `json:"limit"`
	Diverging bool    `json:"diverging,omitempty"`
	Threshold float64 `json:"threshold"`
	Labels    []Label `json:"labels,omitempty"`
	Data      string  `json:"data"` // NIfTI-1, gzipped, base64
}

// Label names a value of a label volume.
type Label struct {
	Index int      `json:"index"`
	Name  string   `json:"name"`
	Color [3]uint8 `json:"color"`
}

// LabelVolume embeds a label image in its own colours.
func LabelVolume(name string, v *brain.Volume, table brain.LabelTable) (Volume, error) {
	out := Volume{Name: name}
	most := 0
	for _, l := range table {
		out.Labels = append(out.Labels, Label{l.Key, l.Name, [3]uint8{l.Color[0], l.Color[1], l.Color[2]}})
		most = max(most, l.Key)
	}
	if most > math.MaxInt16 {
		return Volume{}, fmt.Errorf("label %d, expected at most %d", most, math.MaxInt16)
	}
	values := make([]int16, len(v.Values))
	for i, x := range v.Values {
		if !math.IsNaN(x) && math.Abs(x) <= math.MaxInt16 {
			values[i] = int16(x)
		}
	}
	var err error
	out.Data, err = embed(v.Grid, 1, 1, values)
	return out, err
}

// MapVolume embeds maps over one grid, in steps of 1/32,000 of the largest
// value, which is the limit; NaN becomes 0.
func MapVolume(name string, frames []string, maps []*brain.Volume) (Volume, error) {
	limit := 0.0
	for _, m := range maps {
		for _, x := range m.Values {
			if !math.IsNaN(x) && !math.IsInf(x, 0) {
				limit = max(limit, math.Abs(x))
			}
		}
	}
	scale := 1.0
	if limit > 0 {
		scale = limit / 32000
	}
	n := maps[0].Grid.Voxels()
	values := make([]int16, 0, n*len(maps))
	for _, m := range maps {
		for _, x := range m.Values {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				x = 0
			}
			values = append(values, int16(math.Round(x/scale)))
		}
	}
	data, err := embed(maps[0].Grid, len(maps), scale, values)
	return Volume{Name: name, Frames: frames, Limit: limit, Data: data}, err
}

// embed writes a NIfTI-1 of int16 values times scale, of which the first axis
// is fastest, unlike that of a brain.Volume.
func embed(g *brain.Grid, maps int, scale float64, values []int16) (string, error) {
	if n := g.Voxels(); n == 0 || len(values) != n*maps {
		return "", fmt.Errorf("%d values for %d maps of %d voxels", len(values), maps, g.Voxels())
	}
	h := make([]byte, 352)
	le := binary.LittleEndian
	f32 := func(at int, x float64) { le.PutUint32(h[at:], math.Float32bits(float32(x))) }
	le.PutUint32(h, 348)
	for i, d := range []int{4, g.Dims[0], g.Dims[1], g.Dims[2], maps, 1, 1, 1} {
		le.PutUint16(h[40+2*i:], uint16(d))
	}
	le.PutUint16(h[70:], 4) // int16
	le.PutUint16(h[72:], 16)
	f32(76, 1)
	for axis := range 3 {
		size := 0.0
		for r := range 3 {
			size += g.Affine[r][axis] * g.Affine[r][axis]
			f32(280+16*r+4*axis, g.Affine[r][axis])
		}
		f32(80+4*axis, math.Sqrt(size))
		f32(280+16*axis+12, g.Affine[axis][3])
	}
	f32(108, 352)
	f32(112, scale)
	h[123] = 2               // millimetres
	le.PutUint16(h[254:], 2) // sform: aligned
	copy(h[344:], "n+1\x00")
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	z.Write(h)
	row := make([]byte, 2*g.Dims[0])
	I, J, K := g.Dims[0], g.Dims[1], g.Dims[2]
	for m := range maps {
		at := values[m*I*J*K:]
		for k := range K {
			for j := range J {
				for i := range I {
					le.PutUint16(row[2*i:], uint16(at[(i*J+j)*K+k]))
				}
				z.Write(row)
			}
		}
	}
	if err := z.Close(); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(b.Bytes()), nil
}
