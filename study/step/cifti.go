package step

import (
	"context"

	"voxen/brain"
)

// CiftiPlaces are the grayordinates of a CIFTI-2 file.
type CiftiPlaces struct {
	Path   string
	Header brain.CiftiHeader
}

// Kind is "CIFTI files".
func (p *CiftiPlaces) Kind() string { return "CIFTI files" }

// Write stores a result as a dscalar, a map per row.
func (p *CiftiPlaces) Write(ctx context.Context, w *MapWriter, m Maps) error {
	path, err := w.Job.Path(m.Name + ".dscalar.nii")
	if err != nil {
		return err
	}
	h := brain.CiftiHeader{Kind: brain.DenseScalar, Rows: m.Rows.Rows(), Models: p.Header.Models, Grid: p.Header.Grid}
	for r := range h.Rows {
		h.Maps = append(h.Maps, brain.CiftiMap{Name: m.Label(r)})
	}
	return brain.WriteCifti(ctx, path, &h, m.Rows)
}

// Regions reads the first map of a dlabel file by its grayordinates.
func (p *CiftiPlaces) Regions(ctx context.Context, path string) ([]int, brain.LabelTable, error) {
	c, err := brain.OpenCifti(path)
	if err != nil {
		return nil, nil, err
	}
	defer c.Close()
	labels, table, err := c.CiftiLabels(ctx, 0)
	if err != nil {
		return nil, nil, err
	}
	at := p.Header.Match(&c.CiftiHeader)
	found := false
	for v, from := range at {
		if from >= 0 {
			at[v] = labels[from]
			found = true
		}
	}
	if !found {
		return nil, nil, BadInput(path, "has no grayordinate of %s", p.Path)
	}
	return at, table, nil
}
