package bench

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// Text writes the report for people: per backend the peak, the operations at the
// shapes of the main jobs with what they reach, and the jobs.
func (r *Report) Text(w io.Writer) error {
	fmt.Fprintf(w, "%s, voxen %s, %s, %s\n", r.Date, r.Version, r.Go, r.System)
	for _, b := range r.Backends {
		fmt.Fprintf(w, "\n%s: %s", b.Device.Name, b.Device.Model)
		if b.Device.Threads > 0 {
			fmt.Fprintf(w, ", %d threads, BLAS %s", b.Device.Threads, b.Device.Versions["blas"])
		}
		p := b.Peak
		fmt.Fprintf(w, "\npeak: %.0f GFLOP/s float32, %.0f float64, memory %.1f GB/s\n", p.Float32/1e9, p.Float64/1e9, p.Bandwidth/1e9)
		if err := b.opsText(w); err != nil {
			return err
		}
		b.jobsText(w)
	}
	return nil
}

// opsText is the table of operations at the shapes of the main jobs, and one line
// about the rest.
func (b *BackendReport) opsText(w io.Writer) error {
	if len(b.Ops) == 0 {
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\noperation\tprecision\tshapes\ttime\tGFLOP/s\tGB/s\tof peak")
	var calls []float64
	for _, r := range b.Ops {
		if !r.Large {
			calls = append(calls, r.Seconds)
			continue
		}
		flops := "-"
		if r.Flops > 0 {
			flops = fmt.Sprintf("%.1f", r.Flops/r.Seconds/1e9)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%.1f\t%.0f%%\n", r.Op, r.Precision, strings.Join(r.Shapes, " "), Seconds(r.Seconds), flops, r.Bytes/r.Seconds/1e9, 100*r.Share)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	slices.Sort(calls)
	_, err := fmt.Fprintf(w, "%d small and awkward shapes: %s a call (median), %s at most\n", len(calls), Seconds(calls[len(calls)/2]), Seconds(calls[len(calls)-1]))
	return err
}

func (b *BackendReport) jobsText(w io.Writer) {
	for _, j := range b.Jobs {
		unit := map[string]string{"ridge": "voxels", "learn": "signals"}[j.Job]
		fmt.Fprintf(w, "\n%s, %s, %s: %s, %.0f %s/s", j.Job, j.What, j.Precision, Seconds(j.Seconds), j.Rate, unit)
		if j.Flops > 0 {
			fmt.Fprintf(w, ", %.0f GFLOP/s (%.0f%% of peak)", j.Flops/j.Seconds/1e9, 100*j.Share)
		}
		if j.Objective > 0 {
			fmt.Fprintf(w, ", objective %.4f", j.Objective)
		}
		fmt.Fprintln(w)
		for _, s := range j.Stages {
			if s.Seconds > 0.02*j.Seconds {
				fmt.Fprintf(w, "  %-16s %s\n", s.Name, Seconds(s.Seconds))
			}
		}
	}
}

// Seconds writes a duration in the unit that suits it.
func Seconds(s float64) string {
	switch {
	case s >= 1:
		return fmt.Sprintf("%.2f s", s)
	case s >= 1e-3:
		return fmt.Sprintf("%.2f ms", 1e3*s)
	}
	return fmt.Sprintf("%.2f us", 1e6*s)
}
