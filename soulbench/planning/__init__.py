"""What a run costs, estimated before it starts: multiply-adds, hours on this machine, memory, disk."""
