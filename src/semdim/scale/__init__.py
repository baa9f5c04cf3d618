"""What a run would cost on machines that are not here: arithmetic, bytes, hours, makespan."""
