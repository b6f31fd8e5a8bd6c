"""Files from the network: resumed, checked, and never half written."""
