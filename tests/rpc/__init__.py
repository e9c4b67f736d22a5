"""The gRPC door through a real socket."""
