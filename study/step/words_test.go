package step

import (
	"strings"
	"testing"

	"voxen/brain"
	"voxen/store"
)

func TestWordColumns(t *testing.T) {
	for given, want := range map[string]brain.WordColumns{
		"":                  {},
		"w":                 {Word: "w"},
		"w,a,b":             {Word: "w", Onset: "a", Offset: "b"},
		"section=3":         {Key: "section", Value: "3"},
		"w,x = y=z":         {Word: "w", Key: "x", Value: "y=z"},
		"w,a,b,Section=two": {Word: "w", Onset: "a", Offset: "b", Key: "Section", Value: "two"},
	} {
		if got, err := WordColumns(strings.Split(given, ",")); err != nil || got != want {
			t.Errorf("%q: %+v (%v), want %+v", given, got, err, want)
		}
	}
	for _, given := range []string{"w,a", "w,,b", "w,a,b,c", "=3", "section=", "section=3,w", "a=1,b=2"} {
		if c, err := WordColumns(strings.Split(given, ",")); !store.IsInput(err) || !strings.Contains(err.Error(), given) {
			t.Errorf("%q: %+v, %v, want a refusal of it", given, c, err)
		}
	}
}
