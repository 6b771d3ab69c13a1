"""Takes an environment away, keeps what was asked to be kept, and proves it: docs/teardown.md."""
