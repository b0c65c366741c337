"""Turns a BERT checkpoint with a masked-language head into one ONNX graph that ends in sparse document vectors."""
