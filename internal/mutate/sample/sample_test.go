package sample

import "testing"

func TestLargest(t *testing.T) {
	if got := Largest([]int{-3, 1, 2, 2}); got != 2 {
		t.Errorf("%d, want 2", got)
	}
}
