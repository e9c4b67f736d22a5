"""The rules of the house itself: layers, generated code, tidiness."""
