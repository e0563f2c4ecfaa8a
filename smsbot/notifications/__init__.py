"""What people are told without having written: receipts, and news of their appointments."""
