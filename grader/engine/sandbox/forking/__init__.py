"""What runs inside the wall of the fork server. Nothing else of ours but the probe and the wire is there beside it."""
