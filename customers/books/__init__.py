"""The books of the managers: handed over in bulk, with a pack, and covered while somebody is away."""
