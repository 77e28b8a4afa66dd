//go:build tools

// Package tools pins the release of cnitool that the tests run; `build` compiles it. It is never compiled itself.
package tools

import _ "github.com/containernetworking/cni/cnitool"
