"""One way to change any rule: written, worked out, confirmed by a second person, begun on its day, compared, taken back."""
