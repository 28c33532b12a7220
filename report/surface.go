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

// SurfaceViewer shows maps on the cortex interactively.
type SurfaceViewer struct {
	ID      string
	Caption string
	Maps    []SurfaceMap
	Meshes  [2]*Mesh // left, right; nil for one that is not there
}

func (SurfaceViewer) kind() string { return "surfaces" }

// Mesh is the surface of a hemisphere for the viewer.
type Mesh struct {
	Name   string  `json:"name"`
	Scale  float64 `json:"scale"`  // mm per step of the points
	Points string  `json:"points"` // int16, gzipped, base64
	// Triangles are uint32, gzipped, base64; empty if they are those of the left.
	Triangles string `json:"triangles"`

	corners [][3]int
}

// SurfaceMap is a map on the cortex, or several of which one is shown.
type SurfaceMap struct {
	Name      string   `json:"name"`
	Frames    []string `json:"frames,omitempty"`
	Limit     float64  `json:"limit"` // the value of the lightest colour
	Diverging bool     `json:"diverging,omitempty"`
	Threshold float64  `json:"threshold"`
	Scale     float64  `json:"scale"` // value of a step
	// Data holds int16 values of the left and the right vertices, map after map,
	// gzipped, base64; empty for a hemisphere that is not there.
	Data [2]string `json:"data"`
	// Solid says which vertices are where a score is significant, as SolidName says; the
	// others are hidden at wish. A byte each, gzipped, base64; empty where there is no
	// such thing.
	Solid     [2]string `json:"solid,omitzero"`
	SolidName string    `json:"solidname,omitempty"`
	// Labels are those of a map of labels, whose values are theirs.
	Labels []Label `json:"labels,omitempty"`
}

// SetSolid embeds which vertices of the left and the right cortex are significant, by what
// rule.
func (m *SurfaceMap) SetSolid(solid [2][]bool, rule string) {
	for side, on := range solid {
		var data []byte
		for _, s := range on {
			data = append(data, bit(s))
		}
		if len(data) > 0 {
			m.Solid[side] = packed(data)
		}
	}
	m.SolidName = rule
}

// NewLabelMap embeds labels of the vertices of the left and the right cortex, in their own
// colours.
func NewLabelMap(name string, values [2][]float64, table brain.LabelTable) (SurfaceMap, error) {
	m := SurfaceMap{Name: name, Scale: 1}
	var err error
	if m.Labels, err = labels(table); err != nil {
		return m, err
	}
	for side := range m.Data {
		var data []byte
		for _, x := range values[side] {
			if math.IsNaN(x) || math.Abs(x) > math.MaxInt16 {
				x = 0
			}
			data = binary.LittleEndian.AppendUint16(data, uint16(int16(x)))
		}
		if len(data) > 0 {
			m.Data[side] = packed(data)
		}
	}
	return m, nil
}

// SetMesh embeds the surface of the left (0) or the right hemisphere (1), in steps
// of 1/32,000 of its extent. Inflated hemispheres lie about one origin: they are
// moved apart.
func (v *SurfaceViewer) SetMesh(side int, points [][3]float64, triangles [][3]int) error {
	lo, hi, most := math.Inf(1), math.Inf(-1), 0.0
	for _, p := range points {
		lo, hi = min(lo, p[0]), max(hi, p[0])
	}
	shift := 0.0
	switch {
	case len(points) == 0 || len(triangles) == 0:
		return fmt.Errorf("%d points and %d triangles, expected a surface", len(points), len(triangles))
	case side == 0 && hi > 10:
		shift = -hi - 2
	case side == 1 && lo < -10:
		shift = -lo + 2
	}
	for _, p := range points {
		most = max(most, math.Abs(p[0]+shift), math.Abs(p[1]), math.Abs(p[2]))
	}
	if !(most > 0) || math.IsInf(most, 0) {
		return fmt.Errorf("points within %g mm of the origin, expected a surface", most)
	}
	m := &Mesh{Name: [2]string{"left", "right"}[side], Scale: most / 32000, corners: triangles}
	var places, corners []byte
	for _, p := range points {
		for i, x := range p {
			if i == 0 {
				x += shift
			}
			places = binary.LittleEndian.AppendUint16(places, uint16(int16(math.Round(x/m.Scale))))
		}
	}
	m.Points = packed(places)
	// the two hemispheres of fsaverage and of fsLR have the same triangles
	if left := v.Meshes[0]; side == 0 || left == nil || !slices.Equal(left.corners, triangles) {
		for _, t := range triangles {
			for _, p := range t {
				corners = binary.LittleEndian.AppendUint32(corners, uint32(p))
			}
		}
		m.Triangles = packed(corners)
	}
	v.Meshes[side] = m
	return nil
}

// NewSurfaceMap embeds maps, each with a value per vertex of the left and the right
// hemisphere, in steps of 1/1,000 of the largest value; NaN becomes 0.
func NewSurfaceMap(name string, frames []string, maps [][2][]float64) SurfaceMap {
	m := SurfaceMap{Name: name, Frames: frames, Scale: 1}
	for _, values := range maps {
		for _, side := range values {
			for _, x := range side {
				if !math.IsNaN(x) && !math.IsInf(x, 0) {
					m.Limit = max(m.Limit, math.Abs(x))
				}
			}
		}
	}
	if m.Limit > 0 {
		m.Scale = m.Limit / digits
	}
	for side := range m.Data {
		var data []byte
		for _, values := range maps {
			for _, x := range values[side] {
				if math.IsNaN(x) || math.IsInf(x, 0) {
					x = 0
				}
				data = binary.LittleEndian.AppendUint16(data, uint16(int16(math.Round(x/m.Scale))))
			}
		}
		if len(data) > 0 {
			m.Data[side] = packed(data)
		}
	}
	return m
}

// packed is gzipped and in base64.
func packed(data []byte) string {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	z.Write(data) // to memory: neither fails
	z.Close()
	return base64.StdEncoding.EncodeToString(b.Bytes())
}
