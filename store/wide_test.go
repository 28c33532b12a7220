package store

import "testing"

// Elements with more digits than the 24 bits of a float32 are wide.
func TestWide(t *testing.T) {
	for d, want := range map[DType]bool{
		Float16: false, Float32: false, Float64: true, Int32: true, Int64: true, {Kind: Int, Size: 2}: false, {Kind: Uint, Size: 2}: false,
		{Kind: Uint, Size: 4}: true, {Kind: Float, Size: 8, Big: true}: true, {Kind: BFloat, Size: 2}: false, {Kind: Bool, Size: 1}: false,
	} {
		if d.Wide() != want {
			t.Errorf("%s is wide: %t, want %t", d, d.Wide(), want)
		}
	}
}
