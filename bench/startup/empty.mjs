// A program that does nothing: what any other costs at least.
