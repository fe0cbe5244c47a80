"""Pictures in which every pixel has a class: what the segmentation assignments train and judge on."""
