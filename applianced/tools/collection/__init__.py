"""What the Ansible collection takes from the YANG modules: its schema table, argument specs, module files."""
