"""What is known of a source after a look at some of its rows, and the run file that follows."""
