"""`kubectl recsys`: watch and steer the rollouts of recsys-operator. It needs kubectl, and nothing of the operator."""
