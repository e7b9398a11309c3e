"""What is stored: functions that read and return values, and never write."""
