"""From contacts and ledger to what will be sent, cut into chunks."""
