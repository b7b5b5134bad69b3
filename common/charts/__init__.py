"""Table in, Altair chart out."""
