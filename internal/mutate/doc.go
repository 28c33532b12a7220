// Command mutate checks the tests: it makes the single-point changes of a list, one at a time, and says which of them no
// test noticed.
//
//	go run ./internal/mutate                      # all of the list
//	go run ./internal/mutate -only internal/permute # those of files whose path holds this
//	go run ./internal/mutate -sample 12 -turn 7   # a twelfth or so of it: another part for every turn
//
// The list, list.tsv, has a line per change: the file, the text that is there now, once, the text that takes its place,
// and the packages whose tests should notice, besides the file's own. The tree is never edited: the go command is given
// the changed file as an overlay. A change is noticed when a test of one of the packages fails, or ends in time no more.
// A text that the file does not hold exactly once, and a change that does not compile, are errors of the list.
//
// Changes that leave what the program computes the same do not belong into the list. The exit status is 0 if all were
// noticed, 1 if some survived, 2 for errors of the list or when tests fail without any change.
package main
