"""Writes the sample notebooks beside it: imitations of real hand-ins, in our own words, with their habits.

`python tests/submissions/make.py` after a change; the notebooks are kept, so that tests read files as students send them.
"""

import json
from pathlib import Path

HERE = Path(__file__).parent

COLAB_2021 = [
    ("markdown", "# Colourisation"),
    ("code", "#@title Setup { display-mode: \"form\" }\n!pip install Pillow==4.0.0\n%mkdir -p /content/a3/\n%cd /content/a3\nfrom google.colab import drive\ndrive.mount('/content/gdrive')"),
    ("code", "from __future__ import print_function\nimport argparse\nimport os\nimport math\nimport numpy as np\nimport numpy.random as npr\nimport time\nimport torch\nimport torch.nn as nn\nimport torch.nn.functional as F\nfrom torch.autograd import Variable\nfrom six.moves.urllib.request import urlretrieve\nimport matplotlib\nimport scipy.misc\nmatplotlib.use('Agg')\nimport matplotlib.pyplot as plt\n%matplotlib inline"),
    ("code", "def get_torch_vars(xs, ys, gpu=False):\n    xs = torch.from_numpy(xs).float()\n    ys = torch.from_numpy(ys).long()\n    if gpu:\n        xs = xs.cuda()\n        ys = ys.cuda()\n    return Variable(xs), Variable(ys)\n\ndef train(args, gen=None):\n    for epoch in range(args.epochs):\n        print('Epoch [%d/%d], Loss: %.4f, Time (s): %d'\n              % (epoch + 1, args.epochs, 0.5, time.time()))\n        print(('Val: %d'\n% epoch))\n    return globals()[args.model]\n"),
    ("code", "class AttrDict(dict):\n    def __init__(self, *args, **kwargs):\n        super(AttrDict, self).__init__(*args, **kwargs)\n        self.__dict__ = self\n\nif not os.path.exists('colours'):\n    !wget http://example.org/colours.npy\ncolours = np.load('colours.npy')[0]\nnum_colours = np.shape(colours)[0]"),
    ("code", "class MyConv2d(nn.Module):\n    def __init__(self, in_channels, out_channels, kernel_size, padding=None):\n        super(MyConv2d, self).__init__()\n        self.padding = kernel_size // 2 if padding is None else padding\n        self.weight = nn.parameter.Parameter(torch.zeros(out_channels, in_channels, kernel_size, kernel_size))\n        self.bias = nn.parameter.Parameter(torch.zeros(out_channels))\n\n    def forward(self, input):\n        return F.conv2d(input, self.weight, self.bias, padding=self.padding)\n\nclass UNet(nn.Module):\n    def __init__(self, kernel, num_filters, num_colours, num_in_channels):\n        super().__init__()\n        ############### YOUR CODE GOES HERE ###############\n        ####################################################\n\n    def forward(self, x):\n        ############### YOUR CODE GOES HERE ###############\n        ####################################################"),
    ("code", "%%time\nargs = AttrDict()\nargs_dict = {'gpu': True, 'epochs': 2, 'model': 'UNet', 'colours': './data/colours.npy'}\nargs.update(args_dict)\ncnn = train(args)"),
    ("code", "files = !ls /content\nplt.plot([1, 2])\nplt.show()"),
    ("code", "def compute_loss(pred, gt):\n    return F.cross_entropy(pred, gt)\n\ndef train(args, model):\n    learned_parameters = []\n    for name, param in model.named_parameters():\n        if name.startswith('classifier.4'):\n            learned_parameters.append(param)\n    optimizer = torch.optim.Adam(learned_parameters, lr=args.learn_rate)\n    raise FileNotFoundError('flowers')"),
    ("code", "model = torch.hub.load('pytorch/vision:v0.5.0', 'deeplabv3_resnet101', pretrained=True)"),
    ("code", "args = AttrDict()\nargs.update({'gpu': True, 'learn_rate': 0.05})\nfor param in model.parameters():\n    param.requires_grad = False\nmodel.classifier[4] = nn.Conv2d(256, 2, kernel_size=(1, 1))\nif args.gpu:\n    model = model.cuda()\ntrain(args, model)"),
]  # fmt: skip

PYTHON_2 = [
    ("code", "import numpy as np\nimport cPickle\nfrom scipy.misc import imsave, toimage\nimport torch\nimport torch.nn as nn"),
    ("code", "print 'loading'\n\ndef rgb(xs):\n\tprint 'shape', xs.shape\n\tif xs is None: print 'none'\n\treturn xs\n\nclass Net(nn.Module):\n    def __init__(self):\n        super(Net, self).__init__()\n        print \"Net of %d\" % 3,\n        self.size = 3\n"),
]  # fmt: skip


def _cell(kind: str, source: str, number: int) -> dict[str, object]:
    cell = {"cell_type": kind, "metadata": {"id": f"c{number}"}, "source": source.splitlines(keepends=True)}
    if kind == "code":
        cell |= {"execution_count": 90 - number, "outputs": [{"output_type": "error", "ename": "NameError", "evalue": "name 'x' is not defined", "traceback": []}]}  # fmt: skip
    return cell


def main() -> None:
    cells = [_cell(kind, source, number) for number, (kind, source) in enumerate(COLAB_2021)]
    colab = {"cells": cells, "metadata": {"kernelspec": {"name": "python3"}}, "nbformat": 4, "nbformat_minor": 0}
    (HERE / "colab_2021.ipynb").write_text(json.dumps(colab, indent=1), encoding="utf-8")
    old = [{"cell_type": "code", "input": source, "outputs": [], "language": "python"} for _, source in PYTHON_2]
    python_2 = {
        "worksheets": [{"cells": old, "metadata": {}}],
        "metadata": {"name": ""},
        "nbformat": 3,
        "nbformat_minor": 0,
    }
    (HERE / "python_2.ipynb").write_text(json.dumps(python_2), encoding="utf-8")


if __name__ == "__main__":
    main()
