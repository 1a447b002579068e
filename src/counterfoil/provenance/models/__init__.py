"""Models as bytes: exact integer models, ONNX and skops files, and how exactly they replay."""
