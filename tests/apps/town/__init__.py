"""A town whose models lead to those of another project."""
