"""The architectures: a torch-free declaration of hyperparameters, and one torch file each."""
