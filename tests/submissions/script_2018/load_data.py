import os
import numpy as np
from six.moves.urllib.request import urlretrieve


def get_file(fname, origin):
    urlretrieve(origin, fname)


def load_cifar10():
    get_file("cifar", "http://example.org/cifar.tar.gz")


(x_train, y_train), (x_test, y_test) = load_cifar10()
