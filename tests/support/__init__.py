"""What tests share: real processes, clients, time."""
