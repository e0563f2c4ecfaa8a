"""What agents look at: appointments, who takes part, and what was written to them and by them."""
