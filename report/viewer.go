package report

import (
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

	plain []byte // the NIfTI-1 of several maps, in bytes of shades steps
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
	plain, err := nifti(v.Grid, 1, 1, values, false)
	if err == nil {
		out.Data = packed(plain)
	}
	return out, err
}

// shades is in how many steps the colours of several maps are told apart on either side
// of 0, and digits those of one map.
const shades, digits = 100, 1000

// fewest is the fewest steps that Fit leaves.
const fewest = 10

// MapVolume embeds maps over one grid; NaN becomes 0. The limit is the largest value. One
// map is embedded in steps of 1/1,000 of that. Several are in a byte a voxel, in steps of
// 1/100 of the 99.8th percentile, at which colours end, and cut off 27% beyond it: at 2 mm
// a finer map of a network takes twice the space.
func MapVolume(name string, frames []string, maps []*brain.Volume) (Volume, error) {
	return mapVolume(name, frames, maps, len(maps) > 1)
}

// GreyVolume embeds what is shown behind maps, in a byte a voxel as one of several maps.
func GreyVolume(name string, v *brain.Volume) (Volume, error) {
	return mapVolume(name, nil, []*brain.Volume{v}, true)
}

func mapVolume(name string, frames []string, maps []*brain.Volume, bytewise bool) (Volume, error) {
	var all []float64 // distances from 0
	for _, m := range maps {
		for _, x := range m.Values {
			if x != 0 && !math.IsNaN(x) && !math.IsInf(x, 0) {
				all = append(all, math.Abs(x))
			}
		}
	}
	limit, scale, most := 0.0, 1.0, float64(digits)
	if len(all) > 0 {
		slices.Sort(all)
		limit = all[len(all)-1]
		if scale = limit / most; bytewise {
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
	v := Volume{Name: name, Frames: frames, Limit: limit}
	plain, err := nifti(maps[0].Grid, len(maps), scale, values, bytewise)
	if err != nil {
		return v, err
	}
	if bytewise {
		v.plain = plain
	}
	v.Data = packed(plain)
	return v, nil
}

// Fit embeds maps that are in a byte a voxel in fewer steps, from 100 on either side of 0
// down to 10, until the volumes take at most so many bytes of the page.
func (v *Viewer) Fit(bytes int) {
	for steps := shades; v.size() > bytes && steps > fewest; {
		steps = max(steps/2, fewest)
		for i := range v.Volumes {
			v.Volumes[i].coarsen(steps)
		}
	}
}

// size is that of the volumes in the page.
func (v *Viewer) size() (n int) {
	if v.Background != nil {
		n = len(v.Background.Data)
	}
	for _, volume := range v.Volumes {
		n += len(volume.Data) + len(volume.Solid)
	}
	return n
}

// coarsen embeds a byte a voxel in so many steps instead of shades.
func (v *Volume) coarsen(steps int) {
	if v.plain == nil {
		return
	}
	out := slices.Clone(v.plain)
	at := out[scaleAt : scaleAt+4]
	scale := float64(math.Float32frombits(binary.LittleEndian.Uint32(at)))
	binary.LittleEndian.PutUint32(at, math.Float32bits(float32(scale*shades/float64(steps))))
	for i, b := range out[headerBytes:] {
		out[headerBytes+i] = byte(int8(math.Round(float64(int8(b)) * float64(steps) / shades)))
	}
	v.Data = packed(out)
}

// headerBytes is where values begin in a NIfTI-1, scaleAt where their factor lies.
const headerBytes, scaleAt = 352, 112

// nifti writes a NIfTI-1 of values times scale, in two bytes or in one, of which the first
// axis is fastest, unlike that of a brain.Volume.
func nifti(g *brain.Grid, maps int, scale float64, values []int16, bytewise bool) ([]byte, error) {
	if n := g.Voxels(); n == 0 || len(values) != n*maps {
		return nil, fmt.Errorf("%d values for %d maps of %d voxels", len(values), maps, g.Voxels())
	}
	h := make([]byte, headerBytes)
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
	f32(108, headerBytes)
	f32(scaleAt, scale)
	h[123] = 2               // millimetres
	le.PutUint16(h[254:], 2) // sform: aligned
	copy(h[344:], "n+1\x00")
	out := slices.Grow(h, size*len(values))
	I, J, K := g.Dims[0], g.Dims[1], g.Dims[2]
	for m := range maps {
		at := values[m*I*J*K:]
		for k := range K {
			for j := range J {
				for i := range I {
					x := at[(i*J+j)*K+k]
					if out = append(out, byte(x)); !bytewise { // little-endian
						out = append(out, byte(x>>8))
					}
				}
			}
		}
	}
	return out, nil
}
