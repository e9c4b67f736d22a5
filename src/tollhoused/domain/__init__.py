"""The pure rules of billing: values in, decisions out, with no clock, no input or output and no floats."""
