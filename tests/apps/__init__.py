"""Django apps that the tests serve."""
