"""What comes back of deliveries: bounces, refusals, complaints; how many there are, and when a send must stop for them."""
