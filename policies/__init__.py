"""The rules that are checked at synth."""
