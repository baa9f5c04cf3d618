"""What an autoencoder changes in its model, certified from the ledger alone."""
