"""A1, A2, B1, B2, C1 and C2 are the questions of the notebook of 2020."""

from notebook_2020.cnn import *  # noqa: F403
from notebook_2020.last_layer import *  # noqa: F403
from notebook_2020.my_conv import *  # noqa: F403
from notebook_2020.training import *  # noqa: F403
from notebook_2020.unet import *  # noqa: F403
