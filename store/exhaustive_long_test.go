//go:build long

package store_test

const exhaustive = true
