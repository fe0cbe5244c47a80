"""Networks that colour grey pictures: what the colourisation assignments share.

`diagrams` says what a network looks like, `reference` computes it, `networks` and `structure` find out whether a
student's network is one of them, `training` whether it learns; `counting` does the arithmetic of the questions.
"""
