"""One file per stack; a stack composes constructs and sets no resource property itself."""
