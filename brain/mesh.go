package brain

// Mesh is the surface of a hemisphere that maps are drawn on.
type Mesh struct {
	Path      string
	Points    [][3]float64 // mm to the right, forward, up
	Triangles [][3]int     // places in Points
}

// Meshes reads GIFTI surfaces, the left and the right by their names or what they hold;
// one that is not given is nil. Of two that do not say it the first is the left.
func (f Files) Meshes(surfaces []string) (meshes [2]*Mesh, err error) {
	var files []string
	for _, s := range surfaces {
		files = append(files, Parts(s)...)
	}
	for n, path := range files {
		g, err := f.Gifti(path)
		if err != nil {
			return meshes, err
		}
		m := &Mesh{Path: path}
		if m.Points, m.Triangles, err = g.Surface(); err != nil {
			return meshes, err
		}
		i, err := g.Cortex()
		switch {
		case err != nil:
			return meshes, err
		case i < 0 && len(files) == 2:
			i = n
		case i < 0:
			return meshes, inputErrorf(path, "does not say which hemisphere it is: expected hemi-L or hemi-R in its name, or both, left then right")
		}
		if meshes[i] != nil {
			return meshes, inputErrorf(path, "is of the same hemisphere as %s", meshes[i].Path)
		}
		meshes[i] = m
	}
	return meshes, nil
}
