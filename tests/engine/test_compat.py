"""torchvision's Python half works beside a torch without its compiled operators."""

import subprocess
import sys

SCRIPT = """
from grader.engine.compat import prepare_torchvision
first, second = prepare_torchvision(), prepare_torchvision()
assert not (first and second)
import torch, torchvision
from torchvision import transforms
model = torchvision.models.segmentation.deeplabv3_resnet101(weights=None, weights_backbone=None, num_classes=3)
with torch.no_grad():
    assert model.eval()(torch.zeros(1, 3, 32, 32))["out"].shape == (1, 3, 32, 32)
"""


def test_torchvision_imports_and_builds_a_segmentation_model():
    subprocess.run([sys.executable, "-W", "error::RuntimeWarning", "-c", SCRIPT], check=True)
