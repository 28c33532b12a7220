package brain

import "context"

// The readers and writers below are those of Files on the operating system's file
// system, without a bound on memory.

// Open is Files.Nifti.
func Open(path string) (*Nifti, error) { return Files{}.Nifti(path) }

// OpenCifti is Files.Cifti.
func OpenCifti(path string) (*Cifti, error) { return Files{}.Cifti(path) }

// ReadGifti is Files.Gifti within memory bytes.
func ReadGifti(path string, memory int64) (*Gifti, error) { return Files{Memory: memory}.Gifti(path) }

// LoadMask is Files.Mask.
func LoadMask(ctx context.Context, path string) (*Mask, error) {
	return Files{}.Mask(ctx, path, nil)
}

// LoadAtlas is Files.Atlas.
func LoadAtlas(ctx context.Context, path, table string) (*Atlas, error) {
	return Files{}.Atlas(ctx, path, table)
}

// ReadLabelTable is Files.LabelTable.
func ReadLabelTable(path string) (LabelTable, error) { return Files{}.LabelTable(path) }

// ReadWords is Files.Words.
func ReadWords(path string, columns WordColumns) (Words, error) { return Files{}.Words(path, columns) }

// ReadEvents is Files.Events.
func ReadEvents(path string) (Events, int, error) { return Files{}.Events(path) }

// ReadConfounds is Files.Confounds.
func ReadConfounds(path string, names []string) (*Confounds, error) {
	return Files{}.Confounds(path, names)
}

// GiftiShape is Files.Describe of one GIFTI file.
func GiftiShape(path string) (arrays, values int, err error) {
	s, err := Files{}.Describe(path)
	return s.Rows, s.Cols, err
}

// WriteMaps is Files.WriteMaps.
func WriteMaps(ctx context.Context, path string, m *Mask, n int, row func(r int, dst []float64) error, opt MapOptions) error {
	return Files{FS: opt.FS}.WriteMaps(ctx, path, m, n, row, opt)
}

// WriteMap is Files.WriteMap.
func WriteMap(ctx context.Context, path string, m *Mask, values []float64, opt MapOptions) error {
	return Files{FS: opt.FS}.WriteMap(ctx, path, m, values, opt)
}

// Write is Files.WriteMask.
func (m *Mask) Write(ctx context.Context, path string) error { return Files{}.WriteMask(ctx, path, m) }

// WriteCifti is Files.WriteCifti.
func WriteCifti(ctx context.Context, path string, h *CiftiHeader, src Columns) error {
	return Files{}.WriteCifti(ctx, path, h, src)
}

// Write is Files.WriteGifti.
func (g *Gifti) Write(path string) error { return Files{}.WriteGifti(path, g) }

// Series returns the arrays as rows.
func (g *Gifti) Series() (Image, error) {
	im, err := Files{}.Open(context.Background(), g.Path, OpenOptions{})
	if err != nil {
		return nil, err
	}
	return im, im.Load(context.Background(), Storage{Memory: 1 << 40})
}
