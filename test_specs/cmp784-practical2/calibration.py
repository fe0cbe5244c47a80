"""The thresholds of A2 and B2 are those of the notebook of 2020."""

from notebook_2020.calibration import calibrate, digests

__all__ = ["calibrate", "digests"]
