"""Calls a running server from TypeScript, Go, Java and Rust, with bindings generated from our protos."""
