"""Tests of the payment providers, against fakes that speak HTTP."""
