package store

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestInputErrorIsOneLine(t *testing.T) {
	cause := errors.New("a\nb")
	err := fmt.Errorf("responses: %w", &InputError{Path: "x.npy", Msg: "bad", Err: cause})
	if !IsInput(err) || !errors.Is(err, cause) || err.Error() != "responses: x.npy: bad: a b" {
		t.Errorf("%q", err)
	}
	if IsInput(cause) || IsInput(nil) {
		t.Error("an ordinary error is taken for bad input")
	}
	if s := (&InputError{Msg: "only"}).Error(); strings.HasPrefix(s, ":") {
		t.Errorf("%q", s)
	}
}
