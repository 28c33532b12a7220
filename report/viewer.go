package report

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

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
	// Solid says which voxels are where a score is significant, as SolidName says; the
	// others are hidden at wish. One byte a voxel in the order of Data, gzipped, base64;
	// empty where there is no such thing.
	Solid     string `json:"solid,omitempty"`
	SolidName string `json:"solidname,omitempty"`
	Data      string `json:"data"` // NIfTI-1, gzipped, base64
}

// SetSolid embeds which voxels of a grid are significant, by what rule.
func (v *Volume) SetSolid(g *brain.Grid, solid []bool, rule string) {
	data := make([]byte, 0, len(solid))
	for k := range g.Dims[2] {
		for j := range g.Dims[1] {
			for i := range g.Dims[0] {
				data = append(data, bit(solid[(i*g.Dims[1]+j)*g.Dims[2]+k]))
			}
		}
	}
	v.Solid, v.SolidName = packed(data), rule
}

func bit(on bool) byte {
	if on {
		return 1
	}
	return 0
}

// Label names a value of a label volume.
type Label struct {
	Index int      `json:"index"`
	Name  string   `json:"name"`
	Color [3]uint8 `json:"color"`
}

// labels are those of a table, which int16 holds.
func labels(table brain.LabelTable) (list []Label, err error) {
	for _, l := range table {
		if l.Key > math.MaxInt16 {
			return nil, fmt.Errorf("label %d, expected at most %d", l.Key, math.MaxInt16)
		}
		list = append(list, Label{l.Key, l.Name, [3]uint8{l.Color[0], l.Color[1], l.Color[2]}})
	}
	return list, nil
}

// LabelVolume embeds a label image in its own colours.
func LabelVolume(name string, v *brain.Volume, table brain.LabelTable) (Volume, error) {
	out := Volume{Name: name}
	var err error
	if out.Labels, err = labels(table); err != nil {
		return out, err
	}
	values := make([]int16, len(v.Values))
	for i, x := range v.Values {
		if !math.IsNaN(x) && math.Abs(x) <= math.MaxInt16 {
			values[i] = int16(x)
		}
	}
	out.Data, err = embed(v.Grid, 1, 1, values, false)
	return out, err
}

// shades is in how many steps the colours of several maps are told apart on either side
// of 0.
const shades = 100

// MapVolume embeds maps over one grid; NaN becomes 0. The limit is the largest value. One
// map is embedded in steps of 1/32,000 of that. Several are in a byte a voxel, in steps of
// 1/100 of the 99.8th percentile, at which colours end, and cut off 27% beyond it: at 2 mm
// a finer map of a network takes twice the space.
func MapVolume(name string, frames []string, maps []*brain.Volume) (Volume, error) {
	var all []float64 // distances from 0
	for _, m := range maps {
		for _, x := range m.Values {
			if x != 0 && !math.IsNaN(x) && !math.IsInf(x, 0) {
				all = append(all, math.Abs(x))
			}
		}
	}
	limit, scale, most := 0.0, 1.0, 32000.0
	if len(all) > 0 {
		slices.Sort(all)
		limit = all[len(all)-1]
		if scale = limit / most; len(maps) > 1 {
			most = math.MaxInt8
			scale = all[int(0.998*float64(len(all)-1))] / shades
		}
	}
	n := maps[0].Grid.Voxels()
	values := make([]int16, 0, n*len(maps))
	for _, m := range maps {
		for _, x := range m.Values {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				x = 0
			}
			values = append(values, int16(max(-most, min(most, math.Round(x/scale)))))
		}
	}
	data, err := embed(maps[0].Grid, len(maps), scale, values, most == math.MaxInt8)
	return Volume{Name: name, Frames: frames, Limit: limit, Data: data}, err
}

// embed writes a NIfTI-1 of values times scale, in two bytes or in one, of which the first
// axis is fastest, unlike that of a brain.Volume.
func embed(g *brain.Grid, maps int, scale float64, values []int16, bytewise bool) (string, error) {
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
	size := 2
	le.PutUint16(h[70:], 4) // int16
	if bytewise {
		size = 1
		le.PutUint16(h[70:], 256) // int8
	}
	le.PutUint16(h[72:], uint16(8*size))
	f32(76, 1)
	for axis := range 3 {
		length := 0.0
		for r := range 3 {
			length += g.Affine[r][axis] * g.Affine[r][axis]
			f32(280+16*r+4*axis, g.Affine[r][axis])
		}
		f32(80+4*axis, math.Sqrt(length))
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
	row := make([]byte, size*g.Dims[0])
	I, J, K := g.Dims[0], g.Dims[1], g.Dims[2]
	for m := range maps {
		at := values[m*I*J*K:]
		for k := range K {
			for j := range J {
				for i := range I {
					x := at[(i*J+j)*K+k]
					if row[size*i] = byte(x); !bytewise { // little-endian
						row[2*i+1] = byte(x >> 8)
					}
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
