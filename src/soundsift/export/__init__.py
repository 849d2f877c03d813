"""Other forms of the default model: ONNX graphs, and a page that separates in the browser."""
