"""A small bank: models, a manager, exceptions and functions of every kind."""
