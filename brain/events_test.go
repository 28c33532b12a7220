package brain

import (
	"slices"
	"testing"
)

func TestReadEvents(t *testing.T) {
	for name, c := range map[string]struct {
		text    string
		want    Events
		leftOut int
	}{
		"plain":        {"onset\tduration\ttrial_type\n1.5\t2\tface\n4\t0\thouse\n", Events{{1.5, 2, "face"}, {4, 0, "house"}}, 0},
		"windows":      {"\ufeffonset\tduration\ttrial_type\r\n1\t2\tface\r\n\r\n", Events{{1, 2, "face"}}, 0},
		"order, n/a":   {"trial_type\tonset\tduration\tx\nface\t1\tn/a\t0\nn/a\t2\t1\t0\nhouse\tn/a\t1\t0\n", Events{{1, 0, "face"}}, 2},
		"empty type":   {"onset\tduration\ttrial_type\n1\t2\t\n2\t2\t \n3\t2\tface\n", Events{{3, 2, "face"}}, 2},
		"NA":           {"onset\tduration\ttrial_type\n1\tNA\tface\nNA\t2\tface\n3\t2\tNA\n", Events{{1, 0, "face"}}, 2},
		"quotes":       {"onset\tduration\ttrial_type\n\"1\"\t2\t\"a face\"\n", Events{{1, 2, "a face"}}, 0},
		"no types":     {"onset\tduration\n-3\t2\n", Events{{-3, 2, "event"}}, 0},
		"commas":       {"onset,duration,trial_type\n1,2,face\n", Events{{1, 2, "face"}}, 0},
		"capitals":     {"Onset\tDuration\tTrial_Type\n1\t2\tFace\n", Events{{1, 2, "Face"}}, 0},
		"no final eol": {"onset\tduration\n1\t2", Events{{1, 2, "event"}}, 0},
	} {
		got, left, err := disk.Events(writeTable(t, "events.tsv", c.text))
		if err != nil || !slices.Equal(got, c.want) || left != c.leftOut {
			t.Errorf("%s: %v, %d left out (%v), want %v, %d", name, got, left, err, c.want, c.leftOut)
		}
	}
}

func TestReadEventsRefuses(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"empty":             {"", "no lines"},
		"blank":             {"\n \n", "no lines"},
		"no onset":          {"time\tduration\n1\t2\n", `no column "onset" among "time", "duration"`},
		"no duration":       {"onset\tlength\n1\t2\n", `no column "duration"`},
		"header only":       {"onset\tduration\n", "no events"},
		"all n/a":           {"onset\tduration\nn/a\t1\n", "no events"},
		"short line":        {"onset\tduration\n1\n", "line 2 has 1 fields, expected 2"},
		"long line":         {"onset\tduration\n1\t2\t3\n", "line 2 has 3 fields, expected 2"},
		"not a number":      {"onset\tduration\n1\t2\nsoon\t2\n", `line 3: onset is "soon"`},
		"infinite":          {"onset\tduration\nInf\t2\n", `onset is "Inf"`},
		"negative duration": {"onset\tduration\n1\t-2\n", "duration is -2"},
		"binary":            {"onset\tduration\n\x00\x01\n", "UTF-8"},
		"not UTF-8":         {"onset\tduration\n\xe9\t1\n", "UTF-8"},
		"UTF-16":            {"\xff\xfeo\x00n\x00", "UTF-16"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := disk.Events(writeTable(t, "events.tsv", c.text))
			refused(t, err, "events.tsv", c.want)
		})
	}
	_, _, err := disk.Events("no/events.tsv")
	refused(t, err, "events.tsv", "no such file")
}

// Eight categories of the shipped run: every block rises after its onset, and a
// type that a run lacks is a column of zeros.
func TestDesignHaxby(t *testing.T) {
	events, left, err := disk.Events("../testdata/haxby2001/sub-1_task-objectviewing_run-01_events.tsv")
	if err != nil || left != 0 || len(events) != 8 {
		t.Fatalf("%d events, %d left out (%v)", len(events), left, err)
	}
	types := append(events.TrialTypes(), "nothing")
	want := []string{"bottle", "cat", "chair", "face", "house", "scissors", "scrambledpix", "shoe", "nothing"}
	if !slices.Equal(types, want) {
		t.Fatalf("types %q, want %q", types, want)
	}
	frames := FrameTimes(121, 2.5, 0)
	x, err := events.Design(types, frames, Glover)
	if err != nil {
		t.Fatal(err)
	}
	for c, name := range types {
		peak := 0
		for r := range frames {
			if x[r*9+c] > x[peak*9+c] {
				peak = r
			}
		}
		if name == "nothing" {
			if x[peak*9+c] != 0 {
				t.Error("a type without events is not zero")
			}
			continue
		}
		for _, e := range events {
			if d := frames[peak] - e.Onset; e.TrialType == name && (d < 5 || d > 27.5) {
				t.Errorf("%s: block at %g s peaks at %g s", name, e.Onset, frames[peak])
			}
		}
	}
}
