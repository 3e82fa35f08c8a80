"""How fast the management plane is: NETCONF over SSH, with no dataplane behind it."""
