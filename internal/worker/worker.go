// Package worker serves the engine to one program that has its arrays in memory, such as
// Python: requests and answers are JSON objects, one per line, arrays lie in files that both
// processes map. The backend stays open from request to request.
//
//	-> {"id": 1, "op": "open", "params": {"folders": ["/dev/shm/voxen-1"]}}
//	<- {"id": 1, "type": "result", "result": {"folders": ["/dev/shm/voxen-1"]}}
//	-> {"id": 2, "op": "fit", "params": {"alphas": [1, 10], "folds": [0, 50, 100]},
//	    "arrays": {"X": {"path": "/dev/shm/voxen-1/in-0", "dtype": "float32", "shape": [100, 3]}, ...}}
//	<- {"id": 2, "type": "progress", "stage": "fitting", "done": 2048, "total": 60000}
//	<- {"id": 2, "type": "result", "result": {...}, "arrays": {"coef": {...}, ...}}
//	-> {"id": 3, "op": "run", "params": {"args": ["learn", "--responses", "S.npy", "--out", "D"]}}
//	-> {"id": 3, "op": "cancel"}
//	<- {"id": 3, "type": "error", "status": 2, "message": "..."}
//
// A large array may be named by its address in the memory of the program that started the
// worker instead (remote_linux.go), where open says that it can be read.
//
// Requests are served in order; cancel interrupts the one that is served. Files of results
// belong to the program that asked, which removes them. When its input ends, or the process
// that started it does, the worker removes what is left in the folders and ends.
package worker

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"voxen/engine"
	"voxen/engine/ridge"
	"voxen/store"
	"voxen/study/step"
)

// Protocol is the number of the messages: programs of another one do not understand each other.
const Protocol = 1

// Program is what the program that holds the worker does for it.
type Program struct {
	Version string
	// Run does a command line on those devices, with an object of JSON on each line of out,
	// and gives its exit status. It ends when ctx does.
	Run func(ctx context.Context, args []string, out io.Writer, devices *step.Devices) (status int)
}

// Statuses of errors.
const (
	statusFailed      = 1
	statusInput       = 2
	statusInterrupted = 130
)

// request is a line of the input.
type request struct {
	ID       int              `json:"id"`
	Op       string           `json:"op"`
	Progress bool             `json:"progress"` // is wanted
	Common   json.RawMessage  `json:"common"`   // device, threads, precision, memory, tf32
	Params   json.RawMessage  `json:"params"`
	Arrays   map[string]Array `json:"arrays"`
}

// server serves one program.
type server struct {
	program Program
	folders []string // where results are put, the first that has room
	made    int      // results
	mapped  map[string]*mapping

	devices step.Devices

	write   sync.Mutex
	out     io.Writer
	current struct {
		sync.Mutex
		id     int
		cancel context.CancelFunc
		named  int // by the last cancel, which may be heard before its request begins
	}
}

// ended is how long what is under way may take when nobody waits for it any more.
const ended = 5 * time.Second

// Serve answers requests until the input or ctx ends.
func Serve(ctx context.Context, in io.Reader, out io.Writer, program Program) error {
	s := &server{program: program, out: out, mapped: map[string]*mapping{}}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	defer close(done)
	defer s.close()
	defer cancel()
	go watchParent(ctx, cancel)
	requests := make(chan request)
	failed := make(chan error, 1)
	go func() {
		failed <- s.read(ctx, in, requests)
		cancel()
	}()
	go func() { // the process goes, whatever the engine is doing
		<-ctx.Done()
		select {
		case <-done:
		case <-time.After(ended):
			s.removeFiles()
			os.Exit(statusFailed)
		}
	}()
	s.send(map[string]any{"type": "hello", "protocol": Protocol, "version": program.Version})
	for {
		select {
		case <-ctx.Done():
			select {
			case err := <-failed:
				return err
			default:
				return context.Cause(ctx)
			}
		case r := <-requests:
			s.serve(ctx, r)
		}
	}
}

// read takes requests from the input, and cancels at once.
func (s *server) read(ctx context.Context, in io.Reader, requests chan<- request) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		var r request
		if err := json.Unmarshal(line, &r); err != nil {
			return &store.InputError{Msg: fmt.Sprintf("request %.80q: %v, expected a JSON object on a line", strings.TrimSpace(string(line)), err)}
		}
		if r.Op == "cancel" {
			s.cancel(r.ID)
			continue
		}
		select {
		case requests <- r:
		case <-ctx.Done():
			return nil
		}
	}
}

// cancel interrupts a request if it is the one that is served.
func (s *server) cancel(id int) {
	s.current.Lock()
	defer s.current.Unlock()
	s.current.named = id
	if s.current.id == id && s.current.cancel != nil {
		s.current.cancel()
	}
}

// serve does a request and answers it.
func (s *server) serve(ctx context.Context, r request) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.current.Lock()
	s.current.id, s.current.cancel = r.ID, cancel
	if s.current.named == r.ID {
		cancel()
	}
	s.current.Unlock()
	c := &call{server: s, request: r, results: map[string]Array{}}
	result, err := c.do(ctx)
	s.current.Lock()
	s.current.cancel = nil
	s.current.Unlock()
	c.end(err != nil)
	if err != nil {
		status := statusOf(ctx, err)
		s.send(map[string]any{"id": r.ID, "type": "error", "status": status, "message": oneLine(err.Error())})
		return
	}
	s.send(map[string]any{"id": r.ID, "type": "result", "result": result, "arrays": c.results})
}

// statusOf sorts errors: those of the input are the caller's.
func statusOf(ctx context.Context, err error) int {
	var feature *ridge.FeatureError
	var split *ridge.SplitError
	var nothing *ridge.StepError
	switch {
	case ctx.Err() != nil:
		return statusInterrupted
	case store.IsInput(err), errors.As(err, &feature), errors.As(err, &split), errors.As(err, &nothing):
		return statusInput
	}
	return statusFailed
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// send writes a line.
func (s *server) send(message map[string]any) {
	line, err := json.Marshal(message)
	if err != nil { // a number that JSON does not have
		line, _ = json.Marshal(map[string]any{"id": message["id"], "type": "error", "status": statusFailed, "message": err.Error()})
	}
	s.write.Lock()
	defer s.write.Unlock()
	s.out.Write(append(line, '\n')) // who reads no more is gone: the input ends too
}

// call is one request while it is served.
type call struct {
	*server
	request
	env     *step.Env
	backend engine.Backend
	results map[string]Array
	sinks   []*mapping
	last    time.Time // of progress
}

// do does what is asked for.
func (c *call) do(ctx context.Context) (any, error) {
	switch c.Op {
	case "open":
		return c.open()
	case "run":
		return c.run(ctx)
	}
	operations := map[string]func(context.Context) (any, error){"fit": c.fit, "learn": c.learn, "code": c.code}
	operation, ok := operations[c.Op]
	if !ok {
		return nil, badInput("op %q, expected open, fit, learn, code, run or cancel", c.Op)
	}
	if err := c.begin(); err != nil {
		return nil, err
	}
	result, err := operation(ctx)
	if err != nil && engine.Gone(err) { // the device does no more
		c.devices.Drop(err)
		if c.env.Device == "auto" {
			c.end(true)
			if c.backend, _, err = c.devices.Open("cpu", engine.Config{Threads: c.env.Threads}); err != nil {
				return nil, err
			}
			result, err = operation(ctx)
		}
	}
	return result, c.env.Refuse(err)
}

// opened answers open.
type opened struct {
	Folders []string `json:"folders"`
	Looks   bool     `json:"looks"` // the caller's memory can be read
}

// open takes the folders of shared files. Those that it is to make it makes itself, where
// that is possible: a program that is killed while it starts then leaves none behind.
func (c *call) open() (opened, error) {
	var p struct {
		Folders []string
		Make    bool
		Look    look
	}
	if err := c.params(&p); err != nil {
		return opened{}, err
	}
	for _, f := range p.Folders {
		if !strings.HasPrefix(filepath.Base(f), folderPrefix) {
			return opened{}, badInput("folder %q, expected one whose name begins with %s", f, folderPrefix)
		}
	}
	if !p.Make {
		c.folders = p.Folders
		return opened{p.Folders, p.Look.works()}, nil
	}
	var refused error
	for _, f := range p.Folders {
		if err := os.Mkdir(f, 0o700); err != nil {
			refused = err
			continue
		}
		c.folders = append(c.folders, f)
	}
	if len(c.folders) == 0 {
		return opened{}, fmt.Errorf("no folder for shared arrays: %w", refused)
	}
	return opened{c.folders, p.Look.works()}, nil
}

// look is an address in the caller's memory, and what lies there.
type look struct {
	Address uint64
	Bytes   []byte
}

// works reports whether the caller's memory can be read.
func (l look) works() bool { return l.Address != 0 && canRead(l.Address, l.Bytes) }

// params reads the parameters; those that are not known are refused.
func (c *call) params(into any) error { return strict(c.Params, into) }

func strict(data json.RawMessage, into any) error {
	if len(data) == 0 {
		return nil
	}
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return badInput("%v", err)
	}
	return nil
}

// begin reads the shared options, and opens the device where it is not open yet.
func (c *call) begin() error {
	common := step.Default(&step.Common{})
	given := map[string]string{}
	if err := strict(c.Common, &given); err != nil {
		return err
	}
	for _, o := range step.Options(common) {
		if text, ok := given[o.Name]; ok {
			if err := o.Set(text); err != nil {
				return badInput("%s %v", o.Name, err)
			}
			delete(given, o.Name)
		}
	}
	for name := range given {
		return badInput("option %q, expected device, threads, precision, memory or tf32", name)
	}
	var err error
	if c.env, err = common.Env(step.Quiet{}, c.program.Version); err != nil {
		return err
	}
	if _, err := engine.Resolve(c.env.Device); err != nil {
		return badInput("%v", err)
	}
	c.backend, _, err = c.devices.Open(c.env.Device, engine.Config{Threads: c.env.Threads, TF32: c.env.TF32})
	return err
}

// progressEvery is how often progress is said at most.
const progressEvery = 100 * time.Millisecond

// progress gives what hears of a stage of the work.
func (c *call) progress(stage string) func(done, total int) {
	if !c.Progress {
		return nil
	}
	return func(done, total int) {
		if now := time.Now(); done == total || now.Sub(c.last) >= progressEvery {
			c.last = now
			c.send(map[string]any{"id": c.ID, "type": "progress", "stage": stage, "done": done, "total": total})
		}
	}
}

func badInput(format string, args ...any) error {
	return &store.InputError{Msg: fmt.Sprintf(format, args...)}
}
