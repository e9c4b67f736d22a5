"""Other companies' services, played on loopback for the tests and the demo."""
