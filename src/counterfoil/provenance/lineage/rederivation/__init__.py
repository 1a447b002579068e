"""Running a recorded run again."""
