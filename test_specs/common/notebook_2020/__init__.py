"""The checks of the notebook of 2020, which two courses hand out with the same questions A1, A2, B1, B2, C1 and C2.

A spec takes them into a test file of its own: `from notebook_2020.cnn import *`.
"""
