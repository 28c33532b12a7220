package step

import (
	"strconv"
	"testing"

	"voxen/store"
)

// Within a study a value is made once of the same inputs, the last ones asked for; of others,
// of another kind, and without a study it is made anew.
func TestShare(t *testing.T) {
	made := 0
	shared := &Shared{}
	ask := func(keep *Keeper, what string, inputs ...store.Input) int {
		r := &Run{Worker: &Worker{Env: &Env{Keep: keep}}, inputs: inputs}
		v, err := Share(r, what, func(in store.Input) bool { return in.Role != "--model" }, func() (int, error) { made++; return made, nil })
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	in := func(role, digest string) store.Input {
		return store.Input{Role: role, Path: "dir" + digest + "/words.tsv", Digest: digest}
	}
	study := &Keeper{Shared: shared}
	first := ask(study, "text", in("--words", "a"), in("--model", "x"))
	for name, c := range map[string]struct {
		got  int
		same bool
	}{
		"again, of another model": {ask(&Keeper{Shared: shared}, "text", in("--words", "a"), in("--model", "y")), true},
		"of other words":          {ask(study, "text", in("--words", "b")), false},
		"in another role":         {ask(study, "text", in("--text", "a")), false},
		"of another kind":         {ask(study, "rows", in("--words", "a")), false},
		"without a study":         {ask(nil, "text", in("--words", "a")), false},
	} {
		if (c.got == first) != c.same {
			t.Errorf("%s: %d, the first was %d", name, c.got, first)
		}
	}
	for i := range mostShared {
		ask(study, "text", in("--words", strconv.Itoa(i)))
	}
	if got := ask(study, "text", in("--words", "a")); got == first || len(shared.values) != mostShared {
		t.Errorf("%d values are held, the first still", len(shared.values))
	}
}
