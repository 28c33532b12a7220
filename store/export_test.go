package store

import "time"

// Settle sets for how long a file has to be unchanged to be remembered, until the
// function that it returns is called.
func Settle(d time.Duration) (undo func()) {
	was := settled
	settled = d
	return func() { settled = was }
}
