"""The graders that courses use today, driven as their documentation says, on the hand-ins that ours gets."""
