//go:build tools

// Package geth names the program that go.mod and go.sum pin, so that `go mod tidy` keeps it.
package geth

import _ "github.com/ethereum/go-ethereum/cmd/geth"
