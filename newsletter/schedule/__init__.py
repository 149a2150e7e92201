"""When things happen: ticks, slots, and what is due."""
