package tile

// Matrix is a small row-major matrix in memory, such as features, atoms or templates:
// element (r, c) is Data[r*Cols+c]. The zero value is an empty one. What is too large for
// memory, or is read by blocks, is a Source.
type Matrix struct {
	Rows, Cols int
	Data       []float64 // Rows*Cols values
}

// Row gives row r, a view.
func (m Matrix) Row(r int) []float64 { return m.Data[r*m.Cols : (r+1)*m.Cols] }
