"""Networks from image stacks to maps: data, training, weights, predictions."""
