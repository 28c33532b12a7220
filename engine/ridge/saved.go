package ridge

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"time"
)

// Saved keeps what a null (MapNull, ScoreNull, ScoreBlocks) has finished, over processes too.
type Saved interface {
	// Load gives what was saved last, or nil.
	Load() ([]byte, error)
	// Save replaces what is saved: the state after so many draws, of MapNull draws of panels.
	Save(state []byte, done int) error
}

// saveEvery is how much work may be lost: the sums of 1,500 draws of 64 maps take 7 MB.
const saveEvery = 5 * time.Second

// keeper is how far a null is, and what of it is saved.
type keeper struct {
	saved Saved // nil: nothing is saved
	done  int   // draws that are finished
	upTo  int   // those of them that are saved
	last  time.Time
}

// load decodes what is saved, and says whether there is anything.
func (k *keeper) load(of string, state any) (bool, error) {
	k.last = time.Now()
	if k.saved == nil {
		return false, nil
	}
	data, err := k.saved.Load()
	if err != nil || data == nil {
		return false, err
	}
	if err := gob.NewDecoder(bytes.NewReader(data)).Decode(state); err != nil {
		return false, fmt.Errorf("saved state of a null of %s: %w", of, err)
	}
	return true, nil
}

// goOn begins after so many draws, which are saved.
func (k *keeper) goOn(done int) { k.done, k.upTo = done, done }

// due reports whether it is time to save.
func (k *keeper) due() bool { return time.Since(k.last) >= saveEvery }

// store saves the state, if anything is finished that is not saved.
func (k *keeper) store(state any) error {
	if k.saved == nil || k.done == k.upTo {
		return nil
	}
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(state); err != nil {
		return err
	}
	k.upTo, k.last = k.done, time.Now()
	return k.saved.Save(b.Bytes(), k.done)
}
