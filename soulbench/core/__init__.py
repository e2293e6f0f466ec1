"""What every other part uses: files, seeds, logs, devices, and what the plug-ins are."""
