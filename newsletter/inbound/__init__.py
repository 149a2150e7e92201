"""Mail that comes back: kept, sorted, and acted upon: commands, bounces, complaints."""
