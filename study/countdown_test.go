package study

import (
	"fmt"
	"testing"
	"time"

	"voxen/study/encode"
	"voxen/study/extract"
	"voxen/study/learn"
	"voxen/study/null"
	"voxen/study/step"
)

// TestCountdown runs studies on a simulated clock, on machines that are much faster and
// much slower than the first estimate says, whose commands differ from each other, and
// with stages before and after the one that says how far it is: after a tenth of the time
// what is left is right within a factor of two, until the last stages, of which nothing is
// known.
func TestCountdown(t *testing.T) {
	const before, after = 0.1, 0.02 // of a step, on either side of its long stage
	long := func(s step.Step, n int, seconds float64) (list []*Task) {
		for i := range n {
			list = append(list, &Task{Name: fmt.Sprint(s.Command().Name, i), Step: s, work: work{flops: seconds * 24e9}})
		}
		return list
	}
	studies := map[string][]*Task{
		"eight subjects":  append(append(long(extract.New(), 1, 60), long(learn.New(), 1, 30)...), long(encode.New(), 8, 100)...),
		"one large step":  append(long(extract.New(), 4, 5), long(null.New(), 1, 500)...),
		"models in turns": append(append(long(extract.New(), 3, 200), long(learn.New(), 3, 100)...), long(encode.New(), 24, 20)...),
	}
	for name, tasks := range studies {
		for _, speed := range []float64{0.05, 1, 7} { // of the machine
			uneven := map[string]float64{"extract": 1.3, "learn": 0.8, "encode": 0.9, "null": 1.2}
			took := make([]float64, len(tasks))
			end := 0.0
			c := &countdown{est: newEstimator(rateOf("cpu", 2))}
			for i, task := range tasks {
				took[i] = task.work.seconds(c.est.rate) / speed * uneven[task.kind()]
				end += took[i]
				c.coming = append(c.coming, task)
			}
			now := 0.0
			clock := func() time.Time { return time.Unix(0, 0).Add(time.Duration(now * float64(time.Second))) }
			check := func(where string) {
				_, all := c.left(clock())
				if truth := end - now; now >= end/10 && truth > 0.05*end && (all.Seconds() < truth/2 || all.Seconds() > 2*truth) {
					t.Errorf("%s, speed %g, %s: %.4g s of %.4g left, said %v", name, speed, where, truth, end, all)
				}
			}
			for i, task := range tasks {
				began := now
				c.begin(task, clock())
				now += before * took[i]
				check(task.Name + " begins")
				c.part(100, clock())
				for done := 1; done <= 100; done++ {
					now = began + took[i]*(before+(1-before-after)*float64(done)/100)
					c.progress(done, clock())
					check(fmt.Sprint(task.Name, " at ", done))
				}
				now = began + took[i]
				c.end(took[i], false)
				check(task.Name + " ends")
			}
		}
	}
}
