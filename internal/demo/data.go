package demo

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"strings"

	"voxen/brain"
	"voxen/lm"
	"voxen/store"
	"voxen/study/extract"
	"voxen/study/step"
	"voxen/testdata"
)

// unpacking is the step that writes the data of the demo: what is embedded, and the
// regressors and tables that are made from it.
type unpacking struct {
	Out string `opt:"out" file:"out" required:"true" doc:"folder of the data"`
}

// Command says what the step is.
func (*unpacking) Command() step.Command {
	return step.Command{Name: "demo data", Results: 1, Neutral: []string{"precision"}}
}

// Check has nothing to refuse.
func (*unpacking) Check() error { return nil }

// Do writes the files.
func (*unpacking) Do(_ context.Context, r *step.Run) (step.Summary, error) {
	err := fs.WalkDir(testdata.Files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := testdata.Files.ReadFile(name)
		if err != nil {
			return err
		}
		return r.Job.WriteFile(name, func(w io.Writer) error {
			_, err := w.Write(content)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	for run := range haxbyRuns {
		if err := writeDesign(r.Job, run); err != nil {
			return nil, err
		}
	}
	if err := writeVolumes(r.Job); err != nil {
		return nil, err
	}
	return &step.Ended{}, r.Job.WriteFile(shippedResponses+".columns.tsv", writeShippedColumns)
}

// shippedResponses are those of MiniLM to Alice, whose columns have no names of their own.
const shippedResponses = "alice/minilm_neurons_tr.npy"

// writeShippedColumns names the columns of the shipped responses.
func writeShippedColumns(w io.Writer) error {
	all := make([]lm.Column, 0, aliceLayers*aliceUnits)
	for layer := range aliceLayers {
		for unit := range aliceUnits {
			all = append(all, lm.Column{Layer: layer, Tap: lm.FFNOut, Unit: unit})
		}
	}
	return extract.WriteColumns(w, "all-MiniLM-L6-v2", all, 0)
}

// haxbyBlock is one block of stimulation: what was seen, and the response that
// is expected in each volume of its run.
type haxbyBlock struct {
	category int
	response []float64
}

// eventsName, designName and shownName are the files of a run: its events, its
// regressors, and the table of their sum.
func eventsName(run int) string {
	return fmt.Sprintf("haxby2001/sub-1_task-objectviewing_run-%02d_events.tsv", run+1)
}
func designName(run int) string { return fmt.Sprintf("haxby2001/design_run-%02d.npy", run+1) }
func shownName(run int) string  { return fmt.Sprintf("haxby2001/shown_run-%02d.tsv", run+1) }

// haxbyBlocks reads the events of a run: the categories, of which each run shows all,
// and the blocks, whose responses are convolved with the haemodynamic response.
func haxbyBlocks(files brain.Files, path string) (brain.Events, []haxbyBlock, error) {
	events, _, err := files.Events(path)
	if err != nil {
		return nil, nil, err
	}
	categories, times := events.TrialTypes(), haxbyTimes()
	var blocks []haxbyBlock
	for _, event := range events {
		response, err := brain.BlockRegressor([]brain.Block{{Onset: event.Onset, Duration: event.Duration, Amplitude: 1}}, times, brain.Glover)
		if err != nil {
			return nil, nil, err
		}
		blocks = append(blocks, haxbyBlock{slices.Index(categories, event.TrialType), response})
	}
	return events, blocks, nil
}

// haxbyTimes are when the volumes of a run begin.
func haxbyTimes() []float64 { return brain.FrameTimes(haxbyVolumes, haxbyTR, 0) }

// writeDesign writes the regressors of a run, a column per category, and beside them
// the response that is expected whatever was seen.
func writeDesign(job *store.Job, run int) error {
	path, err := job.Path(eventsName(run))
	if err != nil {
		return err
	}
	events, blocks, err := haxbyBlocks(brain.Files{FS: job.FS()}, path)
	if err != nil {
		return err
	}
	categories := events.TrialTypes()
	x, err := events.Design(categories, haxbyTimes(), brain.Glover)
	if err != nil {
		return err
	}
	err = job.WriteFile(designName(run), func(w io.Writer) error { return store.WriteNpy(w, []int{haxbyVolumes, len(categories)}, x) })
	if err != nil {
		return err
	}
	return job.WriteFile(shownName(run), func(w io.Writer) error {
		t := store.NewTableWriter(w, "shown")
		for v := range haxbyVolumes {
			sum := 0.0
			for _, b := range blocks {
				sum += b.response[v]
			}
			t.Row(strconv.FormatFloat(sum, 'g', -1, 64))
		}
		return t.Flush()
	})
}

// spoken are the words of Alice by the volume in which their onset lies.
type spoken struct {
	volumes [aliceVolumes]string
	words   int
}

// readSpoken reads the words.
func readSpoken(files brain.Files, path string) (*spoken, error) {
	words, err := files.Words(path, brain.WordColumns{})
	if err != nil {
		return nil, err
	}
	s := &spoken{words: len(words)}
	for _, w := range words {
		if t := int(math.Floor(w.Onset / aliceTR)); t >= 0 && t < aliceVolumes {
			s.volumes[t] = strings.TrimSpace(s.volumes[t] + " " + w.Text)
		}
	}
	return s, nil
}

// writeVolumes writes the table of volumes: when each begins, and its words.
func writeVolumes(job *store.Job) error {
	path, err := job.Path("alice/words.tsv")
	if err != nil {
		return err
	}
	s, err := readSpoken(brain.Files{FS: job.FS()}, path)
	if err != nil {
		return err
	}
	return job.WriteFile("alice/volumes.tsv", func(w io.Writer) error {
		t := store.NewTableWriter(w, "word", "onset", "offset")
		for v, text := range s.volumes {
			t.Row(text, fmt.Sprintf("%.1f", float64(v)*aliceTR), fmt.Sprintf("%.1f", float64(v+1)*aliceTR))
		}
		return t.Flush()
	})
}
