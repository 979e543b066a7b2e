"""Routes, one file per noun; each is a function that takes what its routes need and gives a router."""
