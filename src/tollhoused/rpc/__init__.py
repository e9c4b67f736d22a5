"""The gRPC door: decode, one use case, encode."""
