"""The article's PyTorch listing: `python pytorch_listing.py [DATA_DIR [SEED]]`.

Typed as described there, but for the seed that it can be given. `datasets.MNIST` downloads into DATA_DIR
where the files are not there already.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import nn, optim
from torch.nn import functional as F
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

DATA_DIR = sys.argv[1] if len(sys.argv) > 1 else Path.home() / ".cache/evenmatch"
EPOCHS = 5

if len(sys.argv) > 2:
    torch.manual_seed(int(sys.argv[2]))

transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
train_set = datasets.MNIST(DATA_DIR, train=True, download=True, transform=transform)
test_set = datasets.MNIST(DATA_DIR, train=False, download=True, transform=transform)
train_loader = DataLoader(train_set, batch_size=64, shuffle=True)
test_loader = DataLoader(test_set, batch_size=1000)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(784, 128)
        self.dropout = nn.Dropout(0.2)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x):
        x = x.view(-1, 784)
        x = F.relu(self.fc1(x))
        x = self.dropout(x)
        return F.log_softmax(self.fc2(x), dim=1)


model = Net()
criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam(model.parameters())

for epoch in range(1, EPOCHS + 1):
    print(f"Epoch {epoch}/{EPOCHS}", flush=True)
    model.train()
    for images, labels in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()

model.eval()
loss, right = 0.0, 0
with torch.no_grad():
    for images, labels in test_loader:
        outputs = model(images)
        loss += criterion(outputs, labels).item() * len(labels)
        right += (outputs.argmax(dim=1) == labels).sum().item()
print(f"Test loss: {loss / len(test_set):.4f}, accuracy: {right / len(test_set):.4f}")
