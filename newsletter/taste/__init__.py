"""What readers' more and less like this teaches about what they would like to read."""
