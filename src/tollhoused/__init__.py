"""The billing and usage service behind the command `tollhouse`."""
