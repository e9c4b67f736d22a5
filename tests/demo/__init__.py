"""A realistic day played against a real server through the public interface; run by `make demo`."""
